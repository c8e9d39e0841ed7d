"""An amplifier that is not there: people, recordings and faults as LSL streams."""
