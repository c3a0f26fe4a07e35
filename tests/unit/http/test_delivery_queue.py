"""Deliveries on their way to streams: in order, and a few in each turn of the loop."""

import asyncio

from botticelli.http.streams.delivery_queue import AT_ONCE, DeliveryQueue
from botticelli.http.streams.subscription import Delivery, Subscription

STREAMS = 20


def test_deliveries_reach_each_stream_in_order_whatever_the_order_of_the_streams() -> None:
    async def delivered() -> list[bytes]:
        queue, streams = DeliveryQueue(), [Subscription(["r"], 0) for _ in range(STREAMS)]
        queue.put(streams, Delivery([b"past "]), is_past=True)
        queue.put(reversed(streams), Delivery([b"new "]))
        queue.put(streams[::2] + streams[1::2], Delivery([b"end"], frozenset(["r"])))
        assert await asyncio.to_thread(queue.wait, 60)
        assert all(stream.is_closed for stream in streams)
        return [await stream.next(60) for stream in streams]

    assert asyncio.run(delivered()) == [b"past new end"] * STREAMS


def test_other_work_of_the_loop_comes_between_the_streams() -> None:
    async def waiting_streams_at_each_turn() -> list[int]:
        queue, streams = DeliveryQueue(), [Subscription(["r"], 0) for _ in range(STREAMS)]
        queue.put(streams, Delivery([b"x"], frozenset(["r"])))
        counts = []
        while not all(stream.is_closed for stream in streams):
            await asyncio.sleep(0)
            counts.append(sum(not stream.is_closed for stream in streams))
        return counts

    counts = asyncio.run(waiting_streams_at_each_turn())
    steps = [before - after for before, after in zip([STREAMS, *counts], counts, strict=False)]
    assert max(steps) == AT_ONCE and counts[-1] == 0
