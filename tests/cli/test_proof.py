"""What a run recorded, as the graph reads it."""

from pulumi import output

from private_inference.cli.proof import with_unknowns

URN = "urn:pulumi:dev::project::aws:ec2/vpc:Vpc::network"


def test_the_sdks_unknown_values_are_marked_with_their_paths() -> None:
    marked = with_unknowns({"a": [{"b": output.Unknown(), "c": 1}], "d": "e"}, URN)  # type: ignore[no-untyped-call]
    assert (marked["a"][0]["c"], marked["d"]) == (1, "e")
    assert (marked["a"][0]["b"].urn, marked["a"][0]["b"].property) == (URN, "a.0.b")
