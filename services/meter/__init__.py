"""The program that counts who used how much: requests, seconds of audio and of graphics cards, and what they cost.

It reads the access logs that edge and guard write into files, and nothing else: what is in a file is counted once,
whoever of them is restarted meanwhile, and this program itself.
"""
