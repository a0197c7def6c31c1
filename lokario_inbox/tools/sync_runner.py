"""The network side of a run: one thread, one event loop, many accounts, a bounded backlog.

Threads here never touch a record. The writer iterates over the events; what it has not taken yet
is bounded in bytes, so that a fast server cannot fill the memory of a slow database.
"""

import asyncio
import logging
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

from .parse_items import parsed
from .sync_account import sync_account
from .sync_plan import Finished

_logger = logging.getLogger(__name__)

BACKLOG_BYTES = 6 * 1024 * 1024
RESOLVERS = 32  # threads for DNS and token renewal, which may hang
CONCURRENT = 250  # accounts looked at together


class SyncRunner:
    """``with SyncRunner(concurrent) as runner``: submit plans, take events, stop early if asked."""

    def __init__(self, concurrent=CONCURRENT, backlog=BACKLOG_BYTES):
        self._events = queue.SimpleQueue()
        self._backlog = _Backlog(backlog)
        self._loop = asyncio.new_event_loop()
        self._gate = asyncio.Semaphore(concurrent)
        self._loop.set_default_executor(ThreadPoolExecutor(RESOLVERS, thread_name_prefix="lokario-inbox-dns"))
        self._parser = ThreadPoolExecutor(1, thread_name_prefix="lokario-inbox-parser")
        self._tasks = {}
        self._pending = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run_loop, name="lokario-inbox-network", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exc):
        self._loop.call_soon_threadsafe(self._cancel_all)
        self._thread.join(10)
        self._parser.shutdown(wait=False, cancel_futures=True)

    def submit(self, plan):
        """Queue one account; its Finished event will come."""
        self._pending += 1
        self._loop.call_soon_threadsafe(self._start, plan)

    def events(self):
        """Yield events until every submitted account has finished."""
        while self._pending:
            event = self._events.get()
            weight = getattr(event, "weight", 0)
            if isinstance(event, Finished):
                self._pending -= 1
            yield event
            if weight:
                self._loop.call_soon_threadsafe(self._backlog.release, weight)

    def drop(self, account_id):
        """Forget an account whose events can no longer be written."""

        def cancel():
            if account_id in self._tasks:
                self._tasks[account_id].cancel()

        self._loop.call_soon_threadsafe(cancel)

    def stop(self):
        """Start no further account; those not started finish with error class "stopped"."""
        self._stopping = True

    # === IN THE LOOP === #

    def _run_loop(self):
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def _start(self, plan):
        self._tasks[plan.id] = self._loop.create_task(self._account(plan))

    async def _account(self, plan):
        finished = False

        async def emit(event):
            nonlocal finished
            weight = getattr(event, "weight", 0)
            await self._backlog.acquire(weight)
            if weight:
                event = await self._parse(event, weight)
            finished |= isinstance(event, Finished)
            self._events.put(event)

        try:
            async with self._gate:
                if self._stopping:
                    await emit(Finished(plan.id, error_class="stopped"))
                else:
                    await sync_account(plan, emit)
        except asyncio.CancelledError:
            if not finished:
                self._events.put(Finished(plan.id, error_class="stopped"))
        except Exception:  # the loop must go on, the account gets the blame
            _logger.exception("Mailbox %s: unexpected fault while synchronising", plan.id)
            if not finished:
                fault = Finished(plan.id, error_class="server", error="Unexpected fault, see the log.")
                self._events.put(fault)

    async def _parse(self, event, weight):
        """Parse in a thread; what that adds to the memory counts, too."""
        done = await self._loop.run_in_executor(self._parser, parsed, event)
        self._backlog.release(weight - done.weight)
        return done

    def _cancel_all(self):
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.call_soon(self._loop.call_later, 0.05, self._loop.stop)


class _Backlog:
    """Bytes in flight between loop and writer; only touched inside the loop."""

    def __init__(self, limit):
        self._limit, self._used = limit, 0
        self._changed = asyncio.Event()

    async def acquire(self, weight):
        while self._used and self._used + weight > self._limit:
            self._changed.clear()
            await self._changed.wait()
        self._used += weight

    def release(self, weight):
        self._used -= weight
        self._changed.set()
