"""CEBRA's contrastive learning on discrete labels, in a loop of our own that needs torch alone.

`sessions` and `draws` are numpy and say which moments may be drawn; `network`, `loss` and `loop`
import torch, `exchange` cebra. Nothing is imported here: the live decoder needs none of it.
"""
