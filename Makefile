# Every target is one command, so that where there is no make (Windows) it can be typed instead:
# `py tools/dev.py demo`, `py tools/dev.py test`.
PYTHON ?= python3

.PHONY: setup demo test check canary-full cohort-full loop bench bench-peers

setup:  ; $(PYTHON) tools/dev.py setup
demo:   ; $(PYTHON) tools/dev.py demo
test:   ; $(PYTHON) tools/dev.py test
test-long: ; $(PYTHON) tools/dev.py test-long
check:  ; $(PYTHON) tools/dev.py check
canary-full:  ; $(PYTHON) tools/dev.py canary-full
cohort-full:  ; $(PYTHON) tools/dev.py cohort-full
loop:   ; $(PYTHON) tools/dev.py loop
bench:  ; $(PYTHON) tools/dev.py bench
bench-peers:  ; $(PYTHON) tools/dev.py bench-peers
