"""studio: a Gradio page on the voice engine, as users of CosyVoice and VibeVoice know such pages.

`page` is what a visitor sees, `server` how it is served and how it stops, `settings` what the environment says.
"""
