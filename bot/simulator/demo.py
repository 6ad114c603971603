"""`python -m bot demo`: the pretend ISP, its NOC on a web page, and the real bot between them.

The bot is this program's own `run` in a process of its own, with settings that point at the simulators; it
does not know that it is a demo. This module starts it all, tells the story that was asked for, and stops it.
"""

import asyncio
import os
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path

from bot.errors import StartupError
from bot.simulator.program import listen, until_stopped
from bot.simulator.rehearsal import FAST, rehearse, title
from bot.simulator.scenes import SCENES, Play, Scene, SceneFailed
from bot.simulator.stage.directories import DIRECTORIES, DirectoryName
from bot.simulator.stage.gateways import GATEWAYS, GatewayName
from bot.simulator.stage.sources import PUSHES, SOURCES, SourceName
from bot.simulator.stage.stage import LANGUAGES, Stage
from bot.tongue import said

OPENING_ONUS, FEW_ONUS = 33, 20
FIRST_LOOK = 6.0  # seconds from the address to the story: time to open the page
BETWEEN_SCENES = 5.0
INTERRUPTED = 130
LOG = "bot.log"


@dataclass(frozen=True)
class Options:
    """What the command line says.

    ``data`` None: a temporary folder; ``scene`` None: no story; ``gateway`` None: what the scene needs, else
    Matrix; ``source`` None: OLT Cloud, several with commas; ``directory`` None: the OLT manager's records.
    """

    port: int = 8080
    open: bool = False
    data: Path | None = None
    seed: int = 0
    customers: int = 4000
    lang: str = "pt"
    scene: str | None = None
    fast: bool = False
    gateway: str | None = None
    source: str | None = None
    directory: str | None = None


async def demo(options: Options) -> int:
    """Run it until it is stopped, or to the end of the fast scenes; the exit code.

    Raises:
        StartupError: An unknown scene or gateway, a folder or a port that cannot be had, a bot that does not
            start.
    """
    if options.gateway is not None and options.gateway not in GATEWAYS:
        raise StartupError(_none("--gateway", options.gateway, GATEWAYS))
    _sources(options)
    _directory(options)
    scenes = _scenes(options)
    with ExitStack() as stack:
        folder = _folder(options, stack)
        if options.fast:

            def made(scene: Scene, place: Path) -> Stage:
                return _stage(options, [scene], place, FAST)

            right = await until_stopped(rehearse(scenes, folder, made, options.lang, _say, said=said))
            return INTERRUPTED if right is None else int(not right)
        await until_stopped(_show(options, scenes, _stage(options, scenes, folder, {}, panel=True)))
        return 0


def _none(option: str, asked: str | None, there: Iterable[str]) -> str:
    text = "{option}: there is no {asked}; there are {names}"
    return said(text, option=option, asked=repr(asked), names=", ".join(there))


def scene_list(lang: str) -> str:
    """A line for each scene: its name and its title."""
    return "\n".join(f"{s.name:14} {s.title.en if lang == 'en' else s.title.pt}" for s in SCENES)


def _scenes(options: Options) -> Sequence[Scene]:
    if options.scene is None:
        if options.fast:
            raise StartupError(said("--fast plays scenes: give it one with --scene NAME, or --scene all"))
        return ()
    chosen = tuple(scene for scene in SCENES if options.scene in {scene.name, "all"})
    if not chosen:
        raise StartupError(_none("--scene", options.scene, [*(scene.name for scene in SCENES), "all"]))
    foreign = [scene.name for scene in chosen if options.gateway not in {None, _gateway(options, [scene])}]
    if foreign:
        text = "--gateway: {gateway} cannot tell {scenes}; leave it out"
        raise StartupError(said(text, gateway=options.gateway, scenes=", ".join(foreign)))
    without = [scene.name for scene in chosen if options.directory is not None and not scene.erp]
    if without:
        text = "--directory: no ERP is asked in {scenes}; leave it out"
        raise StartupError(said(text, scenes=", ".join(without)))
    return chosen


def _gateway(options: Options, scenes: Sequence[Scene]) -> GatewayName:
    """What the scenes need, or else what was asked for: every other scene can be told with any."""
    needed = (scene.gateway for scene in scenes if scene.gateway is not None)
    asked: GatewayName = next((name for name in GATEWAYS if name == options.gateway), "matrix")
    return next(needed, asked)


def _sources(options: Options) -> tuple[SourceName, ...]:
    """What tells the bot what is down; the scenes count on what the first of them says."""
    asked = [one.strip() for one in (options.source or SOURCES[0]).split(",")]
    unknown = [one for one in asked if one not in SOURCES]
    if unknown:
        raise StartupError(_none("--source", unknown[0], SOURCES))
    if options.scene is not None and asked != [SOURCES[0]]:
        text = "--source: the scenes are told with {source}; leave it out"
        raise StartupError(said(text, source=SOURCES[0]))
    if PUSHES in asked and options.directory is None:
        text = "--source: {source} knows no customers; give it an ERP with --directory, too"
        raise StartupError(said(text, source=PUSHES))
    return tuple(name for name in SOURCES if name in asked)


def _directory(options: Options) -> DirectoryName | None:
    """Which ERP knows the customers."""
    if options.directory is not None and options.directory not in DIRECTORIES:
        raise StartupError(_none("--directory", options.directory, DIRECTORIES))
    return next((name for name in DIRECTORIES if name == options.directory), None)


def _folder(options: Options, stack: ExitStack) -> Path:
    if options.data is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="olt-noc-bot-demo-")))
    try:
        options.data.mkdir(parents=True, exist_ok=True)
        used = any(options.data.iterdir())
        (options.data / LOG).touch()
    except OSError as error:
        text = said("--data: {folder} cannot be used ({why})", folder=options.data, why=error.strerror)
        raise StartupError(text) from None
    if options.scene and used:
        text = "--scene needs a new folder, and {folder} has been used"
        raise StartupError(said(text, folder=options.data))
    return options.data.absolute()


def _stage(
    options: Options,
    scenes: Sequence[Scene],
    folder: Path,
    changes: Mapping[str, str],
    *,
    panel: bool = False,
) -> Stage:
    variables = {"BOT_LANGUAGE": LANGUAGES[options.lang], **changes}
    # A ledger that was kept knows alerts and messages by number.
    numbers_from = int(time.time()) if (folder / "data").exists() else 0
    return Stage(
        folder,
        launch,
        seed=options.seed,
        customers=options.customers,
        variables=variables,
        numbers_from=numbers_from,
        gateway=_gateway(options, scenes),
        sources=_sources(options),
        directory=_directory(options),
        panel=panel,
    )


async def launch(variables: Mapping[str, str], folder: Path) -> asyncio.subprocess.Process:
    """`python -m bot run` as a child with these settings only; its log is in the folder."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    root = str(Path(__file__).parents[2])
    with (folder / LOG).open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot", "run"),
            cwd=folder,
            env={**keep, "PYTHONPATH": root, **variables},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,  # Ctrl-C is for the demo, which then stops the bot in order
        )


async def _show(options: Options, scenes: Sequence[Scene], stage: Stage) -> None:
    """The page and the story; ends when it is cancelled and never otherwise."""
    from bot.simulator.page.server import PageServer  # noqa: PLC0415 - scenes without a page do without its code

    async with AsyncExitStack() as stack:
        stack.push_async_callback(stage.stop)
        if not scenes:
            await _opening(stage)
        await stage.start()
        page = PageServer(stage, options.lang)
        stack.push_async_callback(page.stop)
        try:
            port = await listen(page.start, options.port)
        except OSError as error:
            text, why = "{option}: {port} cannot be had ({why})", error.strerror
            raise StartupError(said(text, option="--port", port=options.port, why=why), 1) from None
        if port != options.port:
            _say(said("Port {port} is taken; the page is on {taken}.", port=options.port, taken=port))
        _say(said("Open {url}  (Ctrl-C ends everything)", url=page.url))
        _say(said("Ana asks there for the bot's own panel: /painel or /panel brings the link in private."))
        if options.open:
            # A thread that nobody waits for: a browser may live as long as it likes.
            threading.Thread(target=_open, args=(page.url,), daemon=True).start()
        await _bot_up(stage)
        if scenes:
            await asyncio.sleep(FIRST_LOOK)
        for scene in scenes:
            await _tell(stage, scene, options.lang)
        await asyncio.Event().wait()


def _open(url: str) -> None:
    if not webbrowser.open(url):
        _say(said("No browser could be opened here: open the address yourself."))


async def _opening(stage: Stage) -> None:
    """An outage to begin with; on a folder that was used before, the first port may be in cooldown."""
    ports = [port for port in stage.ports() if port.onus >= FEW_ONUS] or stage.ports()
    port = ports[stage.numbers_from % len(ports)]
    await stage.cut(port.olt, port.slot_pon, OPENING_ONUS)


async def _bot_up(stage: Stage) -> None:
    happenings = stage.subscribe()
    while stage.bot_state == "starting":
        await happenings.get()
    if stage.bot_state == "stopped":
        last = (stage.folder / LOG).read_text(errors="replace").strip().splitlines() or [said("nothing")]
        raise StartupError(said("The bot ended at its start: {why}", why=last[-1]), 1)


async def _tell(stage: Stage, scene: Scene, lang: str) -> None:
    """Play one scene for people to look at; how it went is printed."""
    _say(f"▶ {title(scene, lang)}")
    try:
        await Play(stage, scene, stage.language).run()
    except SceneFailed as failed:
        _say(f"✗ {failed}")
    else:
        _say(f"✓ {said('as it must')}")
    await asyncio.sleep(BETWEEN_SCENES)
    stage.say_caption(None)


def _say(line: str) -> None:
    print(line, flush=True)
