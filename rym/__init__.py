"""The ground floor: what two stages need.

Messages, topics and their codec, the bus, clocks, settings, the service shell, the bank's format
and the errors. Nothing here imports a stage.
"""

__version__ = "0.1.0"
