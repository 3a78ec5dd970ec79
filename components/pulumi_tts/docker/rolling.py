"""Rolling replacement: within one `pulumi up`, the instances of a pool are replaced one at a time.

The engine would replace all at once. Every deletion in a pool waits here for the pool's one permit, which comes back
when the replacement is healthy. A first `up` deletes nothing, so it starts all instances in parallel. If a
replacement fails, the permit comes back with the news, and the instances still waiting stay as they are.

Who holds the permit is drained before it goes: the guard sends it nothing new, and what it works on is finished. Its
replacement hands the permit on when the guard counts it healthy.
"""

import asyncio
from typing import Protocol
from weakref import WeakKeyDictionary

import pulumi

from pulumi_tts.docker.rotation import Keepers, MustStayError, NotBackError, Rotation

ABANDONED_AFTER = 60.0
"""Seconds after which a replacement that was not begun is taken for one that the engine gave up."""
_MEND = "Mend the image, command or environment and run `pulumi up` again"


class Hooked(Protocol):
    """What a hook is told that matters here: the resource's name."""

    @property
    def name(self) -> str: ...


class OneAtATime:
    """The permit of one pool."""

    def __init__(self, rotation: Rotation) -> None:
        self.settle = 0.0
        """Seconds that a new instance serves before the next one goes, where no guard says that it is back."""
        self.drain = 60
        """Seconds that an instance which is to go may finish its requests; of a pool that is gone, the default."""
        self.guarded = False
        """Whether it is a guard that sends requests to its instances."""
        self.expected: set[str] = set()
        """The instances whose registration the engine has not answered: one that is deleted now is replaced."""
        self._rotation = rotation
        self._permit = asyncio.Lock()
        self._holder: str | None = None
        self._next_from = 0.0
        self._deleted: set[str] = set()
        self._failed: str | None = None
        self._not_back: dict[str, str] = {}
        self._watching: asyncio.TimerHandle | None = None

    async def before_delete(self, name: str) -> None:
        """Waits for the permit, and until the instance is idle.

        Raises RuntimeError if a replacement failed meanwhile, or if the instance must not be replaced now.
        """
        await self._permit.acquire()
        if self._failed:
            self._permit.release()
            raise RuntimeError(f"{name} was not touched: {self._failed}.")
        await asyncio.sleep(self._next_from - asyncio.get_running_loop().time())
        self._holder = name
        try:
            await self._rotation.drain(name, self.drain, replaced=self.guarded and name in self.expected)
        except MustStayError as error:
            # Nor are the others: they would be told the same.
            self._fail(str(error))
            self._release()
            raise RuntimeError(f"{name} was not touched: {error}.") from error
        except BaseException:
            self._release()
            raise

    def after_delete(self, name: str) -> None:
        """Keeps the permit for the creation that follows; gives it back where none does."""
        self._deleted.add(name)
        if self._holder != name:
            return
        if name in self.expected:
            self._watching = asyncio.get_running_loop().call_later(ABANDONED_AFTER, self._release)
        else:
            self._release()

    def before_create(self, name: str) -> None:
        """The replacement has begun; from here it succeeds or fails."""
        if self._holder == name and self._watching:
            self._watching.cancel()

    async def after_create(self, name: str) -> None:
        """The new instance is healthy: once the guard, or else the edge, has seen that, the next one may go."""
        try:
            seen = await self._rotation.restore(name)
        except NotBackError as error:
            self._not_back[name] = f"{name} came up after its replacement and gets no requests: {error}"
            self._fail(f"{self._not_back[name]}. {_MEND}")
        else:
            if self._holder == name and not seen:
                self._next_from = asyncio.get_running_loop().time() + self.settle
        if self._holder == name:
            self._release()

    async def on_error(self, name: str) -> None:
        """A replacement failed: the others are left alone. A first creation that fails holds nobody up."""
        if name in self._deleted or self._holder == name:
            self._fail(f"{name} did not come up after its replacement. {_MEND}")
        await self._rotation.give_up(name)
        if self._holder == name:
            self._release()

    def registered(self, name: str) -> None:
        """The engine has answered for an instance: if it is deleted after this, no creation follows.

        Raises RunError, which fails the update, for one that gets no requests: an error in the hook that found this
        out is a mere warning to the engine, and after the last instance no other is left to be refused.
        """
        self.expected.discard(name)
        if reason := self._not_back.pop(name, None):
            raise pulumi.RunError(reason)

    def _fail(self, reason: str) -> None:
        self._failed = self._failed or reason

    def _release(self) -> None:
        self._holder = None
        self._permit.release()


class RollingUpdates:
    """The permits of all pools of a program, the keepers of its guards, and the hooks that ask for both.

    The hooks' names are in the state of every container, and the engine wants a hook of that name before it deletes
    one: so they are the same for every pool, and a pool that is gone from the config can still be deleted.
    """

    def __init__(self) -> None:
        self.keepers = Keepers()
        self._pools: dict[str, OneAtATime] = {}
        self.binding = pulumi.ResourceHookBinding(
            before_create=[pulumi.ResourceHook("tts-before-create", self._before_create)],
            after_create=[pulumi.ResourceHook("tts-after-create", self._after_create)],
            before_delete=[pulumi.ResourceHook("tts-before-delete", self._before_delete)],
            after_delete=[pulumi.ResourceHook("tts-after-delete", self._after_delete)],
            on_error=[pulumi.ErrorHook("tts-on-error", self._on_error)],
        )

    def expect(self, instance: str, settle: float, drain: int | None) -> None:
        """Announces an instance of the plan, before it is registered; ``drain`` is what its guard says."""
        turns = self._turns(instance)
        turns.settle = settle
        turns.drain = drain or turns.drain
        turns.guarded = drain is not None
        turns.expected.add(instance)

    def registered(self, instance: str) -> None:
        """The engine has answered for an instance. Raises RunError where it gets no requests."""
        self._turns(instance).registered(instance)

    def _turns(self, instance: str) -> OneAtATime:
        # An instance is called after its pool and its number (plan/names.py), also one that is no longer planned.
        return self._pools.setdefault(instance.rpartition("-")[0], OneAtATime(self.keepers))

    async def _before_delete(self, args: Hooked) -> None:
        await self._turns(args.name).before_delete(args.name)

    def _after_delete(self, args: Hooked) -> None:
        self._turns(args.name).after_delete(args.name)

    def _before_create(self, args: Hooked) -> None:
        self._turns(args.name).before_create(args.name)

    async def _after_create(self, args: Hooked) -> None:
        await self._turns(args.name).after_create(args.name)

    async def _on_error(self, args: Hooked) -> bool:
        await self._turns(args.name).on_error(args.name)
        return False  # the engine is not asked to try again


_of_program: WeakKeyDictionary[object, RollingUpdates] = WeakKeyDictionary()


def rolling_updates() -> RollingUpdates:
    """The hooks of the running program, registered when first asked for.

    A program whose last TtsPool goes calls this itself, so that the engine still finds the hooks to delete it by.
    """
    engine = pulumi.runtime.settings.get_monitor()
    if engine not in _of_program:
        _of_program[engine] = RollingUpdates()
    return _of_program[engine]
