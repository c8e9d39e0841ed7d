"""Opens what the settings ask for: a device, or a clock that stands in for one."""

from __future__ import annotations

import logging

from rym.clock import Clock, SystemClock
from rym.errors import DeviceError

from ..settings import PlayerSettings
from .opening import Opener
from .paced import PacedSink
from .sink import Sink

LOG = logging.getLogger(__name__)


def open_sink(settings: PlayerSettings, clock: Clock) -> Sink:
    """Open what the settings ask for, once: a device that is lost stays lost.

    Parameters
    ----------
    settings : PlayerSettings
        Sink, device, its rate, exclusive, depth, latency and device_delay are used.
    clock : Clock
        Paces the sinks without a device.

    Returns
    -------
    Sink
        A device; or, for `auto` without a named device, a paced one after one line of warning.

    Raises
    ------
    DeviceError
        If a device was asked for, by name or with `portaudio`, and cannot be had.
    """
    if settings.sink in ("null", "wav"):
        return PacedSink(clock, settings.depth)
    try:
        opener = Opener(settings, clock)
        sink, _ = opener.output(settings.device, depth=settings.depth, exclusive=settings.exclusive)
    except DeviceError as error:
        return unheard(settings, clock, error)
    sink.also_close = opener.close
    return sink


def unheard(settings: PlayerSettings, clock: Clock, error: DeviceError) -> PacedSink:
    """Return what stands in where there is no device and none was asked for.

    Raises
    ------
    DeviceError
        The error, where one was.
    """
    if settings.sink == "portaudio" or settings.device:
        raise error
    note = f"{error.error} The music goes to heard-NN.flac only."
    LOG.warning("%s", note)
    return PacedSink(clock, settings.depth, note)


def device_name(settings: PlayerSettings) -> str:
    """Return the name of the device that would be opened; nothing is opened.

    Raises
    ------
    DeviceError
        If there is no PortAudio, no device, or none of that name.
    """
    opener = Opener(settings, SystemClock())
    try:
        return opener.find(settings.device).name
    finally:
        opener.close()
