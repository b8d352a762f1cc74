"""`depends_on` says what references leave unsaid, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from private_inference.terraform.dependencies import depends_on

Graph = dict[str, set[str]]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, Graph]:
    """References and what is awaited, without circles: each points to earlier ones only."""
    nodes = [f"aws_x.n{index}" for index in range(draw(st.integers(1, 9)))]

    def edges() -> Graph:
        return {
            node: set(draw(st.lists(st.sampled_from(nodes[:at])))) if at else set() for at, node in enumerate(nodes)
        }

    return edges(), edges()


def reached(graph: Graph, node: str) -> set[str]:
    found: set[str] = set()
    todo = [node]
    while todo:
        new = graph[todo.pop()] - found
        found |= new
        todo += new
    return found


@given(graphs())
def test_everything_awaited_is_waited_for(graph: tuple[Graph, Graph]) -> None:
    referred, awaited = graph
    written = depends_on(referred, awaited)
    result = {node: referred[node] | set(written[node]) for node in referred}
    for node in referred:
        assert reached(result, node) >= awaited[node]


@given(graphs())
def test_nothing_is_said_twice(graph: tuple[Graph, Graph]) -> None:
    referred, awaited = graph
    written = depends_on(referred, awaited)
    result = {node: referred[node] | set(written[node]) for node in referred}
    for node in referred:
        for dependency in written[node]:
            without = {**result, node: result[node] - {dependency}}
            assert dependency not in reached(without, node)
