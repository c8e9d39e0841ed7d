"""libpulse's functions and the heads of its structures, which its ABI keeps (adapter of ctypes)."""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_uint32, c_uint64, c_void_p
from typing import Any


class _Spec(Structure):
    _fields_ = (("format", c_int), ("rate", c_uint32), ("channels", ctypes.c_uint8))


class _Map(Structure):
    _fields_ = (("channels", ctypes.c_uint8), ("map", c_int * 32))


class _Volume(Structure):
    _fields_ = (("channels", ctypes.c_uint8), ("values", c_uint32 * 32))


class SinkInput(Structure):
    """What plays: `pa_sink_input_info`."""

    _fields_ = (
        ("index", c_uint32),
        ("name", c_char_p),
        ("owner", c_uint32),
        ("client", c_uint32),
        ("sink", c_uint32),
        ("spec", _Spec),
        ("map", _Map),
        ("volume", _Volume),
        ("buffer_usec", c_uint64),
        ("sink_usec", c_uint64),
        ("resampler", c_char_p),
        ("driver", c_char_p),
        ("mute", c_int),
        ("properties", c_void_p),
    )


class Device(Structure):
    """The head that a sink's and a source's description share."""

    _fields_ = (("name", c_char_p), ("index", c_uint32), ("description", c_char_p))


STATE = CFUNCTYPE(None, c_void_p, c_void_p)
EVENT = CFUNCTYPE(None, c_void_p, c_int, c_uint32, c_void_p)
SUCCESS = CFUNCTYPE(None, c_void_p, c_int, c_void_p)
INPUT = CFUNCTYPE(None, c_void_p, POINTER(SinkInput), c_int, c_void_p)
DEVICE = CFUNCTYPE(None, c_void_p, POINTER(Device), c_int, c_void_p)


def library() -> Any:
    """Return libpulse with the types that are not `int`."""
    pulse = ctypes.CDLL("libpulse.so.0")
    for name in (
        "pa_threaded_mainloop_new",
        "pa_threaded_mainloop_get_api",
        "pa_context_new",
        "pa_context_subscribe",
        "pa_context_get_sink_info_list",
        "pa_context_get_source_info_list",
        "pa_context_get_sink_input_info_list",
        "pa_context_kill_sink_input",
        "pa_context_move_sink_input_by_index",
    ):
        getattr(pulse, name).restype = c_void_p
    pulse.pa_proplist_gets.restype = c_char_p
    handle = (c_void_p,)
    for name, types in {
        "pa_threaded_mainloop_get_api": handle,
        "pa_threaded_mainloop_start": handle,
        "pa_threaded_mainloop_stop": handle,
        "pa_threaded_mainloop_lock": handle,
        "pa_threaded_mainloop_unlock": handle,
        "pa_context_new": (c_void_p, c_char_p),
        "pa_context_connect": (c_void_p, c_char_p, c_int, c_void_p),
        "pa_context_disconnect": handle,
        "pa_context_get_state": handle,
        "pa_context_set_state_callback": (c_void_p, STATE, c_void_p),
        "pa_context_set_subscribe_callback": (c_void_p, EVENT, c_void_p),
        "pa_context_subscribe": (c_void_p, c_int, c_void_p, c_void_p),
        "pa_context_get_sink_info_list": (c_void_p, DEVICE, c_void_p),
        "pa_context_get_source_info_list": (c_void_p, DEVICE, c_void_p),
        "pa_context_get_sink_input_info_list": (c_void_p, INPUT, c_void_p),
        "pa_context_kill_sink_input": (c_void_p, c_uint32, c_void_p, c_void_p),
        "pa_context_move_sink_input_by_index": (c_void_p, c_uint32, c_uint32, SUCCESS, c_void_p),
        "pa_operation_unref": handle,
        "pa_proplist_gets": (c_void_p, c_char_p),
    }.items():
        getattr(pulse, name).argtypes = types
    return pulse
