"""What the parties of a stack's intent are called."""

CLIENTS, MODELS, RUNTIME = "clients", "models", "runtime endpoint"
OTHER_ENDPOINTS, PREMISES, DENIED, ELSEWHERE = (
    "other endpoints",
    "on-premises",
    "denied blocks",
    "internet or elsewhere",
)
FRONT_DOOR = "front door"
BALANCER, FORWARDER = "load balancer", "forwarder"  # in its place
RESOLVER = "inbound resolver"  # of Route 53, for clients on premises
SERVICES = "service addresses"  # those of the gateway endpoints' prefix lists, when they come from somewhere else
NEIGHBOURS = "service neighbours"  # public addresses that share their first octet with those
OTHER_SUBNETS = "other subnets"
OTHER_WORKLOADS = "other workloads"  # interfaces that are neither the stack's nor its clients'
ATTACHMENT = "attachment subnets"  # outside the tiers, for a transit gateway alone


def other_workloads(place: str) -> str:
    """Workloads in a tier or block that have none of the stack's groups; their own may allow everything."""
    return f"unlisted in {place}"


def in_block(block: str) -> str:
    """The workloads there are in a block of further subnets."""
    return f"workloads in {block}"


def on_premises(block: str) -> str:
    """The clients on premises in a block of theirs."""
    return f"on-premises {block}"
