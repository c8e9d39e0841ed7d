"""Settings of the inlet side: table `[stream]`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

Unit = Literal["auto", "µV", "uV", "nV", "V", "mV"]


Artifact = Literal[
    "rail",
    "wrap",
    "clipped",
    "pop",
    "drift",
    "line",
    "muscle",
    "muscle rise",
    "muscle burst",
    "blink",
    "motion",
    "lost samples",
]
"""What can disturb a window as a whole."""


class QualitySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What makes a channel bad, and what disturbs a window.

    "Here" means: measured in windows of 1 s of the recordings in `../shared/eeg`; a clean cap is
    one of `rest_arithmetic` or `dsi24_eyes`.
    """

    flat_range: Positive = 1.0
    """Peak-to-peak range in µV below which a channel is flat. MNE-Python's tutorials use the same
    1 µV to reject flat epochs; an Enobio's own noise is about 2 µV peak to peak here."""
    flat_for: Positive = 0.5
    """Seconds for which it must stay within that range, anywhere in the window."""
    full_scale: Positive = 400_000.0
    """Level in µV from which the converter is at its end: 2.4 V at gain 6 (the scale factor of the
    NEDF format). An unplugged Enobio 8 channel reads exactly −400000 µV here. A jump by one and a
    half times as much is a converter that wrapped round."""
    rails: tuple[float, ...] = (-18_800.0, 18_800.0)
    """Levels in µV at which a badly attached electrode gets stuck: the Enobio 20 here, and the
    same with the other sign."""
    rail_within: Positive = 150.0
    """Distance in µV from such a level; the three stuck channels here stay within 100 µV."""
    rail_share: Share = 0.5
    """Peak-to-peak range, as a share of what a third of the electrodes do not exceed, below which a
    channel so close to such a level counts as stuck; the stuck channels here move by less than a
    third as much. Not of the median's: a clenched jaw raises more than half of them."""
    clip_share: Share = 0.02
    """Share of the window's samples that rest at its largest or smallest value from which a channel
    is clipped. No clean cap has any here; a Muse at the end of its range has up to 0.1."""
    pop_step: Positive = 250.0
    """Step in µV between means of 20 ms, 40 ms apart, that nothing leads up to and nothing goes on
    from, and six times as large as the median one: an electrode that lost hold. A clean cap stays
    below 150 µV here, save one moment; blinks are slower."""
    drift: Positive = 500.0
    """Slope in µV/s, alike in all quarters of the window. A clean cap stays below 220 µV/s here, an
    electrode that is not attached drifts by 1000 µV/s."""
    level_low: Positive = 0.5
    """Lowest plausible robust SD in µV of a stream's median channel; below, the unit is wrong."""
    level_attached: Positive = 1.0
    """Robust SD in µV below which a conditioned channel is in the air. A clean cap has 4 µV and
    more here, an electrode in the air on an Enobio 8 has 0.3 to 0.6 µV."""
    level_high: Positive = 500.0
    """Highest plausible robust SD of a channel in µV."""
    copy_correlation: Share = 0.99
    """Absolute correlation of two conditioned channels from which they may be copies. Alone it
    would accuse near neighbours on a good dense cap, and all channels in a blink."""
    copy_residual: Positive = 1.0
    """What one of the two does not explain of the other, in µV (SD): copies differ only by the
    noise of two amplifiers (0.3 to 1.0 µV here), neighbours by 2 µV and more. The idea is that
    of the electrical distance of Tenke and Kayser (Clin. Neurophysiol. 112, 2001)."""
    copy_hold: Annotated[float, msgspec.Meta(ge=1)] = 1.5
    """How many times wider the bound is within which two copies remain copies: two electrodes that
    gel joins do not come apart for a second. Without it they change to and fro 33 times a minute
    here (F4 and Fz of a clean cap), with `recovery` alone 19 times, with both 7 times."""
    mains: tuple[Positive, ...] = (50.0, 60.0)
    """Mains frequencies in Hz that are looked for."""
    line: Positive = 50.0
    """Amplitude in µV at a mains frequency, before the notch, from which a channel is disturbed:
    contact is poor. Attached electrodes have up to 25 µV here, loose ones of a Muse 130 to 500."""
    line_left: Positive = 20.0
    """Amplitude in µV at a mains frequency, behind the notch, from which a channel is bad. Attached
    electrodes keep up to 5 µV here; the notch is of the wrong frequency, or contact is poor."""
    device: Share = 0.8
    """NIC's own quality index, 0 (best) to 1, from which a channel is bad. The bound is ours: how
    NIC computes the index and colours it is not in its open documentation, so compare with its
    display. The channels on the rail have 0.08 here, so this index alone clears no channel."""
    recovery: NotNegative = 1.0
    """Seconds in which no window may show a fault before a bad channel is good again. The filters
    need as long to settle: a high-pass at 0.5 Hz has forgotten 99 % of a step after 2 s."""

    muscle: Positive = 12.0
    """RMS in µV from 25 to 95 Hz, without mains, from which muscle disturbs a channel. A clean cap
    has up to 10 µV here (99.5 % of windows), with eyes closed no more than with eyes open."""
    muscle_burst: Positive = 20.0
    """The same, from which it is a burst, such as a clenched jaw: a clean cap stays at half of that
    here, the clenching on the StarStim has 25 to 160 µV. Only frontal and temporal channels are
    looked at, which muscle disturbs most (Gasser et al., Clin. Neurophysiol. 116, 2005)."""
    muscle_rise: Annotated[float, msgspec.Meta(gt=1)] = 2.0
    """The same as a multiple of what the electrode has when the person is quiet, from which muscle
    has risen: a clench that stays below `muscle` moves a person's band power by more than what they
    feel. A clean cap exceeds it in 0 to 5 % of the windows here."""
    widespread: Share = 0.25
    """Share of the good channels, for muscle of the frontal and temporal ones, above which muscle,
    line noise or swinging disturbs the window as a whole."""
    blink: Positive = 75.0
    """Height in µV of a deflection of 40 to 500 ms over the eyes, at most half as high behind, that
    is a blink; 150 µV peak to peak is MNE-Python's usual bound on an EOG channel."""
    motion: Positive = 500.0
    """SD of the acceleration in mm/s² from which the head moves: 5 % of gravity, a bound of ours. A
    seated head has up to 65 mm/s² here."""
    motion_level: Positive = 60.0
    """Robust SD in µV from which a channel swings with the cap, where no accelerometer tells it. A
    clean cap has up to 54 µV here, the moving head on the StarStim 80 µV and more."""
    lost: Share = 0.05
    """Share of samples that were filled in above which a window is disturbed."""
    lasting: NotNegative = 3.0
    """Seconds after which a rail, wrap, clipping, pop or drift is the state of a bad electrode: the
    channel stays bad, but the others are no longer held back for it."""
    invalid: tuple[Artifact, ...] = (
        "rail",
        "wrap",
        "clipped",
        "pop",
        "drift",
        "muscle burst",
        "motion",
        "lost samples",
    )
    """Artifacts that make a window invalid: those that reach all channels, or their reference, by
    more than the EEG itself. The others are told and lower the overall index."""
    cost: Share = 0.5
    """What an artifact takes from a channel's part in the overall index."""

    alpha_gone: Positive = 6.0
    """Fall of alpha in dB below the person's own level, at which it is called gone; the bound is
    ours. Alpha weakens as sleep begins (Putilov and Donskaya, Clin. Exp. Pharmacol. Physiol. 41,
    2014), but also whenever the eyes open."""
    alpha_present: Positive = 1.5
    """Ratio of power per Hz at 8 to 12 Hz to that on both sides from which a person has an alpha
    rhythm to lose; 1 is none."""
    slow_eyes: Positive = 20.0
    """RMS in µV from 0.2 to 0.6 Hz between left and right above which eyes roll slowly, where most
    of the slow movement lies in that band; bound and band are ours. That eyes roll slowly before
    sleep begins, and no longer in it: Biabani et al., J. Thorac. Dis. 15, 2023."""

    good: Share = 0.9
    """Overall index from which the window's quality is good."""
    fair: Share = 0.7
    """Overall index from which it is fair; below it, low."""
    valid: Share = 0.6
    """Share of scalp channels that are not bad below which no decoder may use the window. The badly
    attached Enobio 20 here has 10 of 19 channels at most, two of which are copies at times."""


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

    preset: Literal["any", "nic1", "nic2", "muse"] = "any"
    """Whose naming to expect where `lsl_name` is empty. `nic1`: NIC 1 names all four streams `NIC`.
    `nic2`: NIC 2 names them `prefix-EEG` and so on. `muse`: names that begin with `Muse`."""
    prefix: str = "LSLOutletStreamName"
    """What stands before `-EEG` in NIC 2's names; its user chooses it, this is NIC's default."""
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
    max_ahead: Positive = 0.5
    """Seconds by which a sample's time may lie in the future; beyond, the sender's clock was set,
    and it is recorded, but not shown as live, until the offset has been measured again."""
    offset_every: Positive = 5.0
    """Seconds between two measurements of the offset to the sender's clock."""
    memory: Positive = 64.0
    """Megabytes of the recording that wait while the disk takes nothing; what comes after that is
    lost and counted. 20 channels at 500 Hz fill 64 MB in 24 minutes."""
    fill: NotNegative = 0.02
    """Longest loss in seconds that is filled with a straight line and counted; behind a longer one
    a new segment begins. 20 ms are a fifth of a period at 10 Hz. 0: nothing is filled."""

    rate: NotNegative = 0.0
    """Expected samples per second; 0: any that the stream declares."""
    channels: tuple[str, ...] = ()
    """10-20 names of channels that must be there."""
    model_channels: tuple[str, ...] = ()
    """Channels that a trained model needs; a session with a model fills this in."""
    montage: tuple[str, ...] = ()
    """10-20 names by position, for a stream that does not name its channels, or not by electrode;
    they replace what the stream says."""
    unit: Unit = "auto"
    """Unit of the samples that arrive; `auto`: what the stream declares, µV where it does not."""

    conditioning: ConditioningSettings = ConditioningSettings()
    """Filters and reference."""
    quality: QualitySettings = QualitySettings()
    """When a channel is bad."""
