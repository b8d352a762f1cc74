"""A picture of a network and its paths: tiers as bands, zones as columns, parties as bars, flows as arrows.

The layout is arithmetic over the report, so that the same network always gives the same picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from private_inference.reachability.hops import Hop
from private_inference.reachability.intent import OTHER_GROUPS, UNCOVERED, Cell, Intent, Party, Report, completed
from private_inference.reachability.model import Network, Subnet
from private_inference.reachability.path import InterfaceSet, OutsideAddresses
from private_inference.reachability.trace import Trace
from private_inference.reachability.traffic import addresses, blocks, services_text
from private_inference.templates import template

MARGIN, OUTSIDE, GAP, GUTTER, LANE = 20, 190, 120, 190, 26
BAR, BAR_GAP, BAND_TITLE, BAND_FOOT, BAND_GAP = 34, 10, 30, 44, 26
TOP, VPC_TITLE, LEGEND = 84, 54, 60
COLUMN_AT_LEAST, COLUMNS_AT_LEAST = 150, 460


@dataclass(frozen=True)
class Rect:
    """A rectangle with a label, a smaller second line, and what is shown on hovering."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    label: str = ""
    detail: str = ""
    tip: str = ""

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True)
class Arrow:
    """A flow: an SVG path, its state, its label with where that stands, and the cell of the matrix that it is from."""

    path: str
    state: str
    label: str
    x: float
    y: float
    turned: bool
    tip: str
    cell: str


@dataclass
class Scene:
    """Everything that is drawn."""

    title: str
    verdict: str
    proved: bool
    width: float = 0
    height: float = 0
    vpcs: list[Rect] = field(default_factory=list)
    bands: list[Rect] = field(default_factory=list)
    columns: list[Rect] = field(default_factory=list)
    headings: list[Rect] = field(default_factory=list)
    bars: list[Rect] = field(default_factory=list)
    chips: list[Rect] = field(default_factory=list)
    outside: list[Rect] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)


def render_svg(network: Network, intent: Intent, report: Report, title: str) -> str:
    """The picture as an SVG document of its own; hovering shows each flow's hops."""
    return template(__file__, "picture.svg.j2").render(scene=scene(network, intent, report, title))


def render_html(network: Network, intent: Intent, report: Report, title: str) -> str:
    """One HTML page without anything to load: the picture, the matrix, every cell's hops, and what isn't proved."""
    return template(__file__, "picture.html.j2").render(
        scene=scene(network, intent, report, title),
        report=report,
        uncovered=UNCOVERED,
        sources=list(dict.fromkeys(cell.source for cell in report.cells)),
        destinations=list(dict.fromkeys(cell.destination for cell in report.cells)),
        cells={(cell.source, cell.destination): cell for cell in report.cells},
        state=state,
        key=cell_key,
        text=services_text,
    )


def state(cell: Cell) -> str:
    """What a cell amounts to: surplus, missing, works (required), open (permitted) or refused."""
    kinds = {failure.kind for failure in cell.failures}
    if kinds:
        return "surplus" if "surplus" in kinds else "missing"
    if cell.required:
        return "works"
    return "open" if cell.delivered else "refused"


def cell_key(cell: Cell) -> str:
    """An identifier of a cell that HTML accepts."""
    return "".join(one if one.isalnum() else "-" for one in f"{cell.source}--{cell.destination}")


def verdict(report: Report) -> str:
    """The report in one line."""
    if report.proved:
        required = sum(bool(cell.required) for cell in report.cells)
        return (
            f"{required} required paths work, no other exists: proved for all addresses and ports "
            f"between {len(report.cells)} pairs of parties"
        )
    counts = [
        (sum(failure.kind == "missing" for failure in report.failures), "missing"),
        (sum(failure.kind == "surplus" for failure in report.failures), "surplus"),
        (len(report.unmet), "unmet"),
        (len(report.undecided), "undecided"),
    ]
    return "not proved: " + ", ".join(f"{count} {what}" for count, what in counts if count)


def hop_text(hop: Hop) -> str:
    """A hop in one line."""
    answer = "answer: " if hop.reply else ""
    remedy = f"; would need {hop.remedy}" if hop.remedy else ""
    return f"{'✓' if hop.allowed else '✗'} {answer}{hop.place} ({hop.direction}): {hop.reason}{remedy}"


def trace_text(trace: Trace) -> str:
    """A trace as lines: ends, service and verdict, then each hop."""
    heading = f"{trace.source} → {trace.destination}, {trace.service}: {trace.verdict}"
    return "\n".join([heading, *map(hop_text, trace.hops)])


# Layout


def scene(network: Network, intent: Intent, report: Report, title: str) -> Scene:
    """Lay the network out: outside on the left, tiers in the middle, gateway endpoints on the right."""
    network = completed(network, intent)
    drawing = Scene(title, verdict(report), report.proved)
    shown = [cell for cell in report.cells if state(cell) != "refused" and cell.source != cell.destination]
    outside = {party.name for party in intent.parties if _is_outside(party)}
    lanes = [cell for cell in shown if not {cell.source, cell.destination} & outside]
    zones = sorted({subnet.zone for subnet in network.subnets.values()})
    left = MARGIN + OUTSIDE + GAP
    lanes_at = left + GUTTER + 12
    columns_at = lanes_at + LANE * max(len(lanes), 1) + 12
    column = max(COLUMN_AT_LEAST, COLUMNS_AT_LEAST / max(len(zones), 1))
    right = columns_at + column * len(zones) + 12
    bars, bottom = _bands(drawing, network, intent, zones, (left, columns_at, column, right))
    _vpcs(drawing, network, zones, (left, columns_at, column, right), bottom)
    _sides(drawing, network, intent, bars, right, bottom)
    for number, cell in enumerate(lanes):
        drawing.arrows.append(_lane(cell, bars, lanes_at + LANE * number + LANE / 2))
    drawing.arrows += _crossings([cell for cell in shown if cell not in lanes], bars)
    drawing.arrows += _refusals(report, intent, bars, left - 10)
    drawing.width = right + GAP + OUTSIDE + MARGIN
    drawing.height = bottom + MARGIN + LEGEND
    return drawing


Across = tuple[float, float, float, float]
"""Where the VPC begins, where its zones' columns begin, how wide one is, and where the VPC ends."""


def _is_outside(party: Party) -> bool:
    return any(isinstance(end, OutsideAddresses) for end in party.ends)


def _bands(
    drawing: Scene, network: Network, intent: Intent, zones: Sequence[str], across: Across
) -> tuple[dict[str, Rect], float]:
    """Draw a band for each tier; answers with each party's (first) bar and where the bands end."""
    bars: dict[str, Rect] = {}
    left, _, _, right = across
    y = TOP + VPC_TITLE
    for subnets in _tiers(network):
        inside = [party for party in intent.parties if _interface_sets(party, subnets)]
        height = BAND_TITLE + len(inside) * (BAR + BAR_GAP) + BAND_FOOT
        first = subnets[0]
        acl, table = network.name(first.acl), network.name(first.route_table)
        label = acl if acl == table else f"{acl} / {table}"
        detail = f"network ACL {acl}, route table {table}"
        drawing.bands.append(Rect(left, y, right - left, height, "band", label, detail))
        _columns(drawing, subnets, zones, across, y, height)
        for number, party in enumerate(inside):
            at = y + BAND_TITLE + number * (BAR + BAR_GAP)
            bar = Rect(
                left + 8, at, right - left - 16, BAR, _bar_kind(party), party.name, tip=_party_tip(network, party)
            )
            drawing.bars.append(bar)
            bars.setdefault(party.name, bar)
            drawing.chips += _chips(network, _interface_sets(party, subnets), zones, across, at)
        y += height + BAND_GAP
    return bars, y


def _tiers(network: Network) -> list[list[Subnet]]:
    """Subnets that share ACL and route table, in the order of their addresses."""
    tiers: dict[tuple[str, str, str], list[Subnet]] = {}
    for subnet in sorted(network.subnets.values(), key=lambda one: (one.vpc, addresses(*one.cidrs).first)):
        tiers.setdefault((subnet.vpc, subnet.acl, subnet.route_table), []).append(subnet)
    return list(tiers.values())


def _columns(
    drawing: Scene, subnets: Iterable[Subnet], zones: Sequence[str], across: Across, y: float, height: float
) -> None:
    _, columns_at, column, _ = across
    taken: dict[str, int] = {}
    for subnet in subnets:
        x = columns_at + zones.index(subnet.zone) * column
        line = taken[subnet.zone] = taken.get(subnet.zone, -1) + 1
        if line == 0:
            drawing.columns.append(Rect(x, y + 4, column - 8, height - 8, "column"))
        label, detail = subnet.name or subnet.id, ", ".join(subnet.cidrs)
        drawing.headings.append(Rect(x, y + height - 40 - 28 * line, column - 8, 28, "subnet", label, detail))


def _chips(
    network: Network, inside: Sequence[InterfaceSet], zones: Sequence[str], across: Across, y: float
) -> Iterator[Rect]:
    """What of a party is in each zone."""
    _, columns_at, column, _ = across
    by_zone: dict[str, list[InterfaceSet]] = {}
    for one in inside:
        by_zone.setdefault(network.subnets[one.subnet].zone, []).append(one)
    for zone, here in by_zone.items():
        members = [member for one in here for member in one.members]
        label = f"{len(members)} interface{'s' if len(members) > 1 else ''}" if members else "any interface"
        x = columns_at + zones.index(zone) * column + 10
        tip = "\n".join(_interfaces_text(network, one) for one in here)
        yield Rect(x, y + 7, column - 28, BAR - 14, "real" if members else "planned", label, tip=tip)


def _interfaces_text(network: Network, interfaces: InterfaceSet) -> str:
    groups = ", ".join(network.name(group) for group in sorted(interfaces.groups) if group != OTHER_GROUPS.id)
    names = ", ".join(network.name(member) for member in interfaces.members) or "any interface"
    return f"{names} in {network.name(interfaces.subnet)}; security groups: {groups or OTHER_GROUPS.name}"


def _interface_sets(party: Party, subnets: Iterable[Subnet]) -> list[InterfaceSet]:
    ids = {subnet.id for subnet in subnets}
    return [end for end in party.ends if isinstance(end, InterfaceSet) and end.subnet in ids]


def _bar_kind(party: Party) -> str:
    others = all(isinstance(end, InterfaceSet) and OTHER_GROUPS.id in end.groups for end in party.ends)
    return "unlisted" if others else "party"


def _party_tip(network: Network, party: Party) -> str:
    """What a party is, a line for each end at most."""
    lines = []
    for end in party.ends[:12]:
        if isinstance(end, InterfaceSet):
            lines.append(_interfaces_text(network, end))
        else:
            gateway = f"beyond {network.name(end.gateway)}" if end.gateway else "no gateway leads there"
            lines.append(f"{gateway}: {_some(blocks(end.addresses))}")
    return "\n".join([party.name, *lines])


def _some(texts: Sequence[str], most: int = 6) -> str:
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more blocks" if len(texts) > most else "")


def _vpcs(drawing: Scene, network: Network, zones: Sequence[str], across: Across, bottom: float) -> None:
    """The frame around the bands, with the zones' names; several VPCs share it."""
    left, columns_at, column, right = across
    names = " and ".join(f"VPC {vpc.name or vpc.id} {', '.join(vpc.cidrs)}" for vpc in network.vpcs.values())
    drawing.vpcs.append(Rect(left - 10, TOP, right - left + 20, bottom - TOP - 8, "vpc", names))
    for number, zone in enumerate(zones):
        drawing.headings.append(Rect(columns_at + number * column, TOP + VPC_TITLE - 18, column - 8, 14, "zone", zone))


def _sides(
    drawing: Scene, network: Network, intent: Intent, bars: dict[str, Rect], right: float, bottom: float
) -> None:
    """Draw what is outside: gateway endpoints on the right, everything else on the left."""
    outside = [party for party in intent.parties if _is_outside(party)]
    left_side = [party for party in outside if party.starts]
    right_side = [party for party in outside if not party.starts]
    for parties, x in ((left_side, MARGIN), (right_side, right + GAP)):
        step = (bottom - TOP) / (len(parties) + 1)
        for number, party in enumerate(parties, start=1):
            rect = Rect(
                x,
                TOP + step * number - 34,
                OUTSIDE,
                60,
                "outside",
                party.name,
                _gateway_text(network, party),
                _party_tip(network, party),
            )
            drawing.outside.append(rect)
            bars[party.name] = rect


def _gateway_text(network: Network, party: Party) -> str:
    gateways = {end.gateway for end in party.ends if isinstance(end, OutsideAddresses) and end.gateway}
    kinds = sorted({str(network.gateways[gateway].kind) for gateway in gateways})
    return f"by {', '.join(kinds)}" if kinds else "no gateway leads there"


def _lane(cell: Cell, bars: Mapping[str, Rect], x: float) -> Arrow:
    """A flow inside the VPC: straight down or up between two bars."""
    start, end = bars[cell.source], bars[cell.destination]
    down = start.y < end.y
    y1, y2 = (start.y + start.height, end.y) if down else (start.y, end.y + end.height)
    tip = y2 - 5 if down else y2 + 5
    return _arrow(cell, f"M{x:.0f},{y1:.0f} L{x:.0f},{tip:.0f}", x - 5, (y1 + y2) / 2, turned=True)


def _refusals(report: Report, intent: Intent, bars: Mapping[str, Rect], border: float) -> Iterator[Arrow]:
    """For each party outside that nothing passes from or to: a line that ends before the VPC."""
    for party in intent.parties:
        if not (_is_outside(party) and party.starts):
            continue
        cells = [cell for cell in report.cells if party.name in (cell.source, cell.destination)]
        if cells and all(state(cell) == "refused" for cell in cells):
            box = bars[party.name]
            x, y = box.x + box.width, box.middle
            end = (x + border) / 2 + 26
            cross = f"M{end - 6:.0f},{y - 6:.0f} l12,12 m0,-12 l-12,12"
            tip = f"{party.name}: no packet passes, either way\n{trace_text(cells[0].trace)}"
            path = f"M{x:.0f},{y:.0f} L{end:.0f},{y:.0f} {cross}"
            yield Arrow(path, "refused", "nothing passes", (x + end) / 2, y - 10, False, tip, cell_key(cells[0]))


def _crossings(cells: Iterable[Cell], bars: Mapping[str, Rect]) -> Iterator[Arrow]:
    """The flows in and out of the VPC, which end at its sides; those at one side of a rectangle are spread over it."""
    used: dict[str, int] = {}

    def level(name: str) -> float:
        number = used[name] = used.get(name, -1) + 1
        side = 1 if number % 2 else -1
        return bars[name].middle + side * ((number + 1) // 2) * 7

    for cell in cells:
        start, end = bars[cell.source], bars[cell.destination]
        y1, y2 = level(cell.source), level(cell.destination)
        rightward = start.x < end.x
        x1, x2 = (start.x + start.width, end.x - 5) if rightward else (start.x, end.x + end.width + 5)
        bend = (x1 + x2) / 2
        path = f"M{x1:.0f},{y1:.0f} C{bend:.0f},{y1:.0f} {bend:.0f},{y2:.0f} {x2:.0f},{y2:.0f}"
        # Where flows of one party fan out, their labels are apart near the other end.
        yield _arrow(cell, path, bend + (x2 - x1) * 0.14, y1 + (y2 - y1) * 0.72 - 5, turned=False)


def _arrow(cell: Cell, path: str, x: float, y: float, turned: bool) -> Arrow:
    shown = cell.trace
    if cell.failures:
        shown = cell.failures[0].trace
    what = services_text(cell.delivered or cell.required)
    one_way = ", one way" if cell.delivered and not cell.answered else ""
    why = f"\n{cell.why}" if cell.why else ""
    tip = f"{cell.source} → {cell.destination}: {what}{one_way} [{state(cell)}]{why}\n{trace_text(shown)}"
    kind = f"{state(cell)} one-way" if one_way else state(cell)
    return Arrow(path, kind, what, x, y, turned, tip, cell_key(cell))
