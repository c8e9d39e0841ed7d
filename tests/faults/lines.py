"""The list of faults that must be survived: lines 1 to 30 and those of the bank, in short."""

LINES = {
    1: "A stream vanishes for 0.3, 2 or 20 s: hold, neutral after 2 s, on after one whole window",
    2: "It comes back with another uid, or has no source id: found, or asked for",
    3: "Two streams match: both are listed, none is taken",
    4: "What was held back arrives at once: recorded, never shown as live",
    5: "Lost samples: small gaps are filled and flagged, others give no valid window",
    6: "Samples or chunks come twice: dropped and counted",
    7: "Chunks in the wrong order, stamps that go back: no mixture, no exception",
    8: "The sender's clock is set, by seconds, hours or to 0: a new segment",
    9: (
        "A clock that is 200 ppm off for eight hours: within 2 ms; stamps that count too fast: "
        "some ms, by their arrival"
    ),
    10: (
        "A computer that sleeps, a wall clock set by an hour, the end of summer time: only "
        "monotonic clocks count; on within seconds, nothing of before is shown"
    ),
    11: "No numbers on one channel: masked; on all: neutral 2 s later, on once they are back",
    12: "A flat channel: masked within a second; too many: neutral 2 s later, on after them",
    13: "Rail, wrap, pop, slow drift: the window is rejected, nothing is learned from it",
    14: (
        "Mains, blinks, jaw, walking: the index falls; one flip of the label per artefact at most, "
        "in the mean of five simulated persons at rest"
    ),
    15: "Another unit than declared: refused with the measured level",
    16: "Another rate than declared, or none: measured, refused or set",
    17: "Channels permuted, renamed, missing, twice or appended: matched by name, or refused",
    18: "Chunks of any size, bursts: the same output, nothing old shown as live",
    19: "Whole numbers, doubles, text, no channels, nothing, a million samples: taken or refused",
    20: "Files that are cut, empty, damaged or huge: read in part with a warning, or refused",
    21: "Hardware markers missing, twice or late: the trial is left out, with the reason",
    22: "Window by window and the whole file at once: the same embeddings to 1e-5, away from edges",
    23: "Weights that are no numbers or have no length, another size or montage: refused at load",
    24: "A model or bank that is cut, flipped or too large: refused, the one before stays in use",
    25: "A pickle in place of any file of a model: refused, never run",
    26: "No labels, one state, fewer neighbours than asked for: unknown, and never sure of it",
    27: (
        "Labels in a flood, against one another, or for a rejected window: at a limited rate, "
        "counted, and undone at will"
    ),
    28: "99 of 100 labels of one state for eight hours: the memory stays balanced and bounded",
    29: "Music that follows the estimate: nothing is learned from it, and limits hold",
    30: "Noise in place of the signal, labels dealt anew: no better than chance, in every run",
    45: (
        "A clip that is missing, cut, empty, mono, of another rate, above full scale, constant or "
        "no numbers: told and left out, the others play; refused where a participant would listen"
    ),
    46: (
        "A model that knows what the bank lacks, or a bank without neutral: refused, both sets "
        "named; what the model never says is told once"
    ),
    47: (
        "An audio device that is unplugged and comes back, is busy, not there, not the default any "
        "more, or another of the same name: the music goes on unheard, and is heard again on that "
        "device alone within 2 s"
    ),
    48: (
        "A thousand answers a second, or one that flips every 50 ms: few changes, no click, and "
        "the level holds"
    ),
    49: (
        "A new change in mid-fade, the same one again, an unknown state, pause and stop in mid-"
        "fade: the waveform has no break"
    ),
    50: (
        "Two busy loops, a busy disk, a lock held for 50 ms, pauses of 200 ms: the sound is not "
        "interrupted once"
    ),
    51: (
        "Two segments that are alike, summed: at most −1 dBTP by another meter; a start comes from "
        "silence, and no gain jumps"
    ),
    52: (
        "Hearing: a week's allowance counted over restarts, more than 85 dB(A) over 30 s turned "
        "down for good, no order louder; without a calibration nothing is claimed"
    ),
    53: (
        "Pictures that flash, in light or in red: more than three times a second is refused, when "
        "a bank is made and when it is shown; no storm of events makes the page flash"
    ),
    54: (
        "Any part killed at any moment: there again within 2 s, its recording whole but for the "
        "last second, no sound that comes back as a blast"
    ),
    55: (
        "A decoder that hangs: neutral by the player itself; a supervisor that is killed: neutral "
        "at once, silence within 30 s, no process stays"
    ),
    56: "A stop by key, topic, pipe or signal: silence within 0.5 s, with the broker dead, too",
}
