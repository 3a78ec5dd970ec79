"""Rolling replacement: within one `pulumi up`, the instances of a pool are replaced one at a time.

The engine would replace all at once. Every deletion in a pool waits here for the pool's one permit, which comes back
when the replacement is healthy. A first `up` deletes nothing, so it starts all instances in parallel. If a
replacement fails, the permit comes back with the news, and the instances still waiting stay as they are.
"""

import asyncio
from typing import Protocol

import pulumi

UNFOLLOWED_AFTER = 1.0
"""Seconds after a deletion in which its creation would have begun; the engine takes milliseconds."""


class Hooked(Protocol):
    """What a hook is told that matters here: the resource's name."""

    @property
    def name(self) -> str: ...


class OneAtATime:
    """The permit of one pool.

    ``settle`` is how many seconds a new instance serves before the next one goes: as long as the edge takes to see
    that it is back.
    """

    def __init__(self, settle: float) -> None:
        self._settle = settle
        self._permit = asyncio.Lock()
        self._waiting = 0
        self._holder: str | None = None
        self._replacing = False
        self._failed: str | None = None
        self._background: set[asyncio.Task[None]] = set()

    async def before_delete(self, args: Hooked) -> None:
        """Waits for the permit; raises RuntimeError if a replacement failed meanwhile."""
        self._waiting += 1
        await self._permit.acquire()
        self._waiting -= 1
        if self._failed:
            self._permit.release()
            raise RuntimeError(
                f"{args.name} was not touched: {self._failed} did not come up after its replacement. "
                "Mend the image, command or environment and run `pulumi up` again."
            )
        self._holder, self._replacing = args.name, False

    async def after_delete(self, args: Hooked) -> None:
        """Gives the permit back a moment later, unless a creation follows."""
        if self._holder == args.name:
            task = asyncio.create_task(self._release_unless_replaced(args.name))
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def before_create(self, args: Hooked) -> None:
        """Notes that the deletion was half of a replacement."""
        self._replacing = self._replacing or self._holder == args.name

    async def after_create(self, args: Hooked) -> None:
        """The new instance is healthy: once the edge has seen that, the next one may go."""
        if self._holder == args.name:
            if self._waiting:
                await asyncio.sleep(self._settle)
            self._release()

    def on_error(self, args: Hooked) -> bool:
        """A replacement failed: the others are left alone. Never asks the engine to try again."""
        if self._holder == args.name:
            self._failed = args.name
            self._release()
        return False

    async def _release_unless_replaced(self, name: str) -> None:
        await asyncio.sleep(UNFOLLOWED_AFTER)
        if self._holder == name and not self._replacing:
            self._release()

    def _release(self) -> None:
        self._holder = None
        self._permit.release()


def rolling_hooks(pool: str, settle: float, after_create: pulumi.ResourceHook) -> pulumi.ResourceHookBinding:
    """The hooks that every container of a pool is bound to; ``after_create`` runs first of those after a creation."""
    turns = OneAtATime(settle)
    return pulumi.ResourceHookBinding(
        before_create=[pulumi.ResourceHook(f"{pool}-before-create", turns.before_create)],
        after_create=[after_create, pulumi.ResourceHook(f"{pool}-after-create", turns.after_create)],
        before_delete=[pulumi.ResourceHook(f"{pool}-before-delete", turns.before_delete)],
        after_delete=[pulumi.ResourceHook(f"{pool}-after-delete", turns.after_delete)],
        on_error=[pulumi.ErrorHook(f"{pool}-on-error", turns.on_error)],
    )
