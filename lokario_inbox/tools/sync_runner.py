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

BACKLOG_BYTES = 8 * 1024 * 1024  # a batch that is being written, parsed, and one that is being parsed meanwhile
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
        asyncio.run_coroutine_threadsafe(self._end(), self._loop)
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
        outlet = _Outlet(self._loop, self._parser, self._backlog, self._events)
        try:
            async with self._gate:
                if self._stopping:
                    await outlet.emit(Finished(plan.id, error_class="stopped"))
                else:
                    await sync_account(plan, outlet.emit)
        except asyncio.CancelledError:
            outlet.put(Finished(plan.id, error_class="stopped"))
        except Exception:  # the loop must go on, the account gets the blame
            _logger.exception("Mailbox %s: unexpected fault while synchronising", plan.id)
            outlet.put(Finished(plan.id, error_class="server", error="Unexpected fault, see the log."))

    async def _end(self):
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1)
        self._loop.stop()


class _Outlet:
    """The events of one account on their way to the writer, in order: its mails are parsed while more are read.

    Nothing follows what could not be parsed, and nothing follows the Finished: the cursor would pass over it.
    """

    def __init__(self, loop, parser, backlog, events):
        self._loop, self._parser, self._backlog, self._events = loop, parser, backlog, events
        self._last = self._fault = None  # what the parser's one thread still has of this account, what went wrong there
        self._is_finished = False
        self._lock = threading.Lock()

    async def emit(self, event):
        """Raises what went wrong with an earlier event."""
        weight = getattr(event, "weight", 0)
        await self._backlog.acquire(weight)
        if self._last and isinstance(event, Finished) and event.error_class != "stopped":
            await asyncio.wrap_future(self._last)
        if self._fault:
            self._backlog.release(weight)
            raise self._fault
        if weight or (self._last and not (self._last.done() or isinstance(event, Finished))):
            self._last = self._parser.submit(self._parse, event, weight)
        else:
            self.put(event)

    def put(self, event):
        """Hand the writer an event, unless there was a Finished; returns whether it has it."""
        with self._lock:
            if self._is_finished:
                return False
            self._is_finished = isinstance(event, Finished)
            self._events.put(event)
            return True

    def _parse(self, event, weight):
        """In the parser's thread; what parsing adds to the memory counts, too."""
        kept = 0
        try:
            if self._fault:
                raise self._fault
            done = parsed(event) if weight else event
            kept = getattr(done, "weight", 0) if self.put(done) else 0
        except BaseException as err:
            self._fault = err
            raise
        finally:
            if weight != kept:
                self._loop.call_soon_threadsafe(self._backlog.release, weight - kept)


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
