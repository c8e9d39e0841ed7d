"""Settings of the inlet side: table `[stream]`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

Unit = Literal["auto", "µV", "uV", "nV", "V", "mV"]


class QualitySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What makes a channel bad in one window. "Here" means: in `../shared/eeg`."""

    flat_range: Positive = 1.0
    """Peak-to-peak range in µV below which a channel is flat. MNE-Python's tutorials use the same
    1 µV to reject flat epochs; an Enobio's own noise is about 2 µV peak to peak here."""
    full_scale: Positive = 400_000.0
    """Level in µV from which the converter is at its end: 2.4 V at gain 6 (the scale factor of the
    NEDF format). An unplugged Enobio 8 channel reads exactly −400000 µV here."""
    rails: tuple[float, ...] = (-18_800.0,)
    """Levels in µV at which a badly attached electrode gets stuck: the Enobio 20 here."""
    rail_within: Positive = 150.0
    """Distance in µV from such a level; the three stuck channels here stay within 100 µV."""
    rail_share: Share = 0.5
    """Peak-to-peak range, as a share of the median electrode's, below which a channel so close to
    such a level counts as stuck; the stuck channels here move by less than a third as much."""
    copy_correlation: Share = 0.99
    """Absolute correlation of two detrended channels from which they may be copies. Alone it would
    accuse near neighbours on a good dense cap, and all channels in a blink."""
    copy_residual: Positive = 1.0
    """What one of the two does not explain of the other, in µV (SD): copies differ only by the
    noise of two amplifiers (0.3 to 1.0 µV here), neighbours by 2 µV and more. The idea is that
    of the electrical distance of Tenke and Kayser (Clin. Neurophysiol. 112, 2001)."""
    level_low: Positive = 0.5
    """Lowest plausible robust SD of a detrended channel in µV; below it no scalp is attached."""
    level_high: Positive = 500.0
    """Highest plausible robust SD of a detrended channel in µV."""
    good: Share = 0.9
    """Share of scalp channels that are ok from which the window's quality is good."""
    fair: Share = 0.7
    """Share from which it is fair; below it, low."""
    valid: Share = 0.6
    """Share below which no decoder may use the window. The badly attached Enobio 20 here has 10 of
    19 channels at most, two of which are copies at times."""


class ConditioningSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table `[stream.conditioning]`: what happens to the samples before they are cut.

    All filters are causal; what a model was trained on is what it must be fed with.
    """

    high_pass: NotNegative = 0.5
    """Corner of the Butterworth high-pass in Hz; 0: off. Enobio and StarStim send 17 to 22 mV of
    electrode offset, which would hide everything else."""
    low_pass: NotNegative = 0.0
    """Corner of the Butterworth low-pass in Hz; 0: off."""
    order: Annotated[int, msgspec.Meta(ge=1, le=8)] = 2
    """Order of the high-pass and of the low-pass."""
    line: Literal[0, 50, 60] = 50
    """Mains frequency in Hz that the notch takes out; 0: no notch."""
    notch_width: Positive = 2.0
    """Width of the notch in Hz, between its −3 dB points."""
    reference: str = "recorded"
    """`recorded`: as the amplifier sends it; `average`: minus the mean of the good scalp channels;
    or channel names with commas between them, whose mean is subtracted."""
    interpolate: Share = 0.0
    """Share of the scalp channels that may be replaced by spherical splines while they are bad;
    0: bad channels stay as they are and are only masked."""
    asr: NotNegative = 0.0
    """Cutoff of artifact subspace reconstruction in SD of the calibration; 0: off, which also keeps
    its delay of 0.3 s away. 20 to 30 take blinks and leave brain activity (Chang et al., IEEE
    Trans. Biomed. Eng. 67, 2020)."""
    asr_seconds: Annotated[float, msgspec.Meta(ge=20)] = 60.0
    """Seconds of good windows that it is calibrated on, from the start of the stream. Its authors
    take a minute."""


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which stream is opened and how it is cut into windows."""

    window: Positive = 1.0
    """Length of a window in seconds."""
    hop: Positive = 0.25
    """Seconds between two windows."""

    lsl_type: str = "EEG"
    """Type of the LSL stream; NIC 1 calls all its streams alike, so the type tells them apart."""
    lsl_name: str = ""
    """Name of the LSL stream; a `*` at its end stands for any rest; empty: as the preset says."""
    source_id: str = ""
    """Source id of the LSL stream; empty: any."""
    lsl_host: str = ""
    """Host that the LSL stream comes from; empty: any."""
    wait: Positive = 10.0
    """Seconds in which the stream must appear."""
    accept_new_sender: bool = False
    """Whether, after an outage, any one stream that fits these settings is taken. If not, only one
    with the same source id or, where there was none, with the same name, type and host."""
    sides: bool = True
    """Whether the same device's accelerometer, quality and markers are read, too."""
    buffer: Annotated[int, msgspec.Meta(ge=1, le=360)] = 60
    """Seconds of EEG that wait at most while this process is busy; older samples are lost."""
    max_age: Positive = 1.0
    """Age of a sample in seconds from which it is recorded, but no longer shown as live."""
    offset_every: Positive = 5.0
    """Seconds between two measurements of the offset to the sender's clock."""
    fill: NotNegative = 0.02
    """Longest loss in seconds that is filled with a straight line and counted; behind a longer one
    a new segment begins. 20 ms are a fifth of a period at 10 Hz. 0: nothing is filled."""
    memory: Positive = 64.0
    """Megabytes of the recording that wait while the disk takes nothing; what comes after that is
    lost and counted. 20 channels at 500 Hz fill 64 MB in 24 minutes."""

    rate: NotNegative = 0.0
    """Expected samples per second; 0: any that the stream declares."""
    channels: tuple[str, ...] = ()
    """10-20 names of channels that must be there."""
    montage: tuple[str, ...] = ()
    """10-20 names by position, for a stream that does not name its channels, or not by electrode;
    they replace what the stream says."""
    unit: Unit = "auto"
    """Unit of the samples that arrive; `auto`: what the stream declares, µV where it does not."""

    conditioning: ConditioningSettings = ConditioningSettings()
    """Filters and reference."""
    quality: QualitySettings = QualitySettings()
    """When a channel is bad."""
    preset: Literal["any", "nic1", "nic2", "muse"] = "any"
    """Whose naming to expect where `lsl_name` is empty. `nic1`: NIC 1 names all four streams `NIC`.
    `nic2`: NIC 2 names them `prefix-EEG` and so on. `muse`: names that begin with `Muse`."""
    prefix: str = "LSLOutletStreamName"
    """What stands before `-EEG` in NIC 2's names; its user chooses it, this is NIC's default."""
