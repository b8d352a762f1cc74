"""The published controls that checks are evidence for, by what a check is about.

As AWS maps its own managed rules to them:
https://docs.aws.amazon.com/config/latest/developerguide/conformancepack-sample-templates.html
"""

from private_inference.controls import hipaa, nist, pci

BOUNDARY = (nist("AC-4(21)", "SC-7"), hipaa("164.312(e)(1)"), pci("1.2.1", "1.3.6"))
"""What may pass between this network and others, and within it."""
AT_REST = (nist("SC-13", "SC-28(1)"), hipaa("164.312(a)(2)(iv)"), pci("3.4"))
"""Stored data under keys of the account."""
TRANSMISSION = (nist("SC-8(1)"), hipaa("164.312(e)(2)(ii)"), pci("4.1"))
"""What is protected on its way."""
KEYS = (nist("SC-12"), hipaa("164.312(a)(2)(iv)"), pci("3.5.2", "3.6.4"))
"""Who may use keys, and how long one lasts."""
LEAST_PRIVILEGE = (nist("AC-3", "AC-6"), hipaa("164.312(a)(1)"), pci("7.1.2"))
"""Who may do what."""
INTEGRITY = (nist("SI-7", "CM-2"), hipaa("164.312(c)(1)"), pci("11.5"))
"""What is there is what was built."""
AUDIT = (nist("AU-9(3)", "AU-11", "AU-12"), hipaa("164.312(b)"), pci("10.5", "10.7"))
"""What is recorded, and for how long."""
MONITORING = (nist("SI-4"), hipaa("164.312(b)"), pci("10.6.1"))
"""What is noticed, and who is told."""
AVAILABILITY = (nist("CP-10", "SC-5"), hipaa("164.308(a)(7)(i)"))
"""What keeps serving."""
VULNERABILITIES = (nist("RA-5"),)
"""What is known to be weak. AWS's own control: https://docs.aws.amazon.com/securityhub/latest/userguide/ecr-controls.html"""
