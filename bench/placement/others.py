"""Two others at the same task: the first card that has room, and an exact solver."""

from collections.abc import Sequence

import highspy

from pulumi_tts.config.host import Host
from pulumi_tts.config.pool import Pool
from pulumi_tts.plan.fleet import Demand, demand_of


def first_fit(hosts: Sequence[Host], pools: Sequence[Pool]) -> int:
    """Puts each instance on the first card that has room; how many found one."""
    free = [gpu.room for host in hosts for gpu in host.gpus]
    placed = 0
    for pool in pools:
        demand = demand_of(pool)
        for _ in range(pool.instances):
            at = next((at for at, room in enumerate(free) if room >= demand.vram), None)
            if at is not None:
                free[at] -= demand.vram
                placed += 1
    return placed


def exact(hosts: Sequence[Host], pools: Sequence[Pool]) -> bool:
    """Whether HiGHS finds a place for every instance; a whole variable for each pool and card says how many are there.

    It knows nothing of spreading, of pins or of what runs: only whether everything fits.
    """
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    demands: list[Demand] = [demand_of(pool) for pool in pools]
    cards = [gpu.room for host in hosts for gpu in host.gpus]
    for pool in pools:
        for _ in cards:
            solver.addVar(0, pool.instances)
    for column in range(len(pools) * len(cards)):
        solver.changeColIntegrality(column, highspy.HighsVarType.kInteger)
    for at, pool in enumerate(pools):
        columns = [at * len(cards) + card for card in range(len(cards))]
        solver.addRow(pool.instances, pool.instances, len(columns), columns, [1.0] * len(columns))
    for card, room in enumerate(cards):
        columns = [at * len(cards) + card for at in range(len(pools))]
        solver.addRow(0, room, len(columns), columns, [float(demand.vram) for demand in demands])
    solver.run()
    return bool(solver.getModelStatus() == highspy.HighsModelStatus.kOptimal)
