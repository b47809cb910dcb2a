"""A worker of livekit-agents as its documentation writes one, held against our own stage of rooms: `python agent.py start`.

It joins the rooms that it is sent to and decodes the cameras that it finds there, and nothing else: no model, no voice, no
session. Where the server is comes from LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET, its name from
MAJLIS_BENCH_AGENT. `start` is its production mode, which keeps warm processes: one for each processor.
"""

import asyncio
import os

from livekit import rtc
from livekit.agents import AgentServer, JobContext, cli

# By itself a worker that finds the machine busy takes no room, and keeps fewer processes warm. What else runs on the machine
# of a measurement is no part of it.
server = AgentServer(host="127.0.0.1", port=0, load_fnc=lambda: 0.0)
watching = set()


async def watch(room, track):
    known = None
    async for event in rtc.VideoStream(track):
        size = f"{event.frame.width}x{event.frame.height}"
        if size != known:
            known = size
            # Whoever measures wants to know that pictures are decoded, and of which size.
            print(f"decodes {size} in {room.name}", flush=True)


@server.rtc_session(agent_name=os.environ.get("MAJLIS_BENCH_AGENT", "peer"))
async def entrypoint(ctx: JobContext):
    @ctx.room.on("track_subscribed")
    def subscribed(track, publication, participant):
        if track.kind == rtc.TrackKind.KIND_VIDEO:
            task = asyncio.create_task(watch(ctx.room, track))
            watching.add(task)
            task.add_done_callback(watching.discard)

    await ctx.connect()


if __name__ == "__main__":
    cli.run_app(server)
