"""What a visitor sees: a text, a voice, a speed; and the speech, to play or to download."""

from __future__ import annotations

import time
import uuid

import gradio as gr
import numpy as np
import numpy.typing as npt

from studio.settings import Settings
from studio.work import Work
from voice import dsp, formats, tracing
from voice.errors import SpeechError
from voice.outputs import Outputs
from voice.synthesis import speak
from voice.voices import AUTO, VOICES, find

API_NAME = "speak"
"""The name of the page's one function for programs (gradio_client): text, voice, speed → audio, note."""

CACHE_AGE = 600
"""Seconds for which a speech can be played and downloaded: Gradio keeps it in its temporary folder that long."""

_CACHE_ROUND = 60  # seconds between two looks for what is older

_EXAMPLE = "Hello! This page speaks on a CPU, so that everything can be tried without a GPU."

Sound = tuple[int, npt.NDArray[np.int16]]


def build(settings: Settings, work: Work) -> gr.Blocks:
    """The page. Nothing in it is loaded from another host."""
    outputs = Outputs(settings.outputs_dir, settings.outputs_max_mb * 2**20) if settings.keep_outputs else None

    async def make(text: str, voice_name: str, speed: float, request: gr.Request) -> tuple[Sound, str]:
        start = time.monotonic()
        if len(text) > settings.max_characters:
            raise gr.Error(f"The text has {len(text)} characters; {settings.max_characters} are taken at once.")
        assert request.request  # noqa: S101 - the one that this was queued by, with what Edge has left in its state
        asked = request.request.state
        try:
            with tracing.work_of(asked.span, asked.began, API_NAME), work.one():
                voice = find(voice_name, text)
                samples = b"".join(await formats.whole(tracing.synthesis(speak(text, voice, speed))))
        except SpeechError as error:
            raise gr.Error(error.message) from error
        if outputs:
            _keep(outputs, samples)
        took = time.monotonic() - start
        note = f"{formats.seconds(len(samples)):.1f} s of speech by {voice.id}, made in {took:.2f} s"
        return (dsp.RATE, np.frombuffer(samples, dtype=np.int16)), f"{note} on {settings.instance}"

    names = [(f"{voice.id}: {voice.description}", voice.id) for voice in VOICES]
    page = gr.Blocks(title="studio", analytics_enabled=False, delete_cache=(_CACHE_ROUND, CACHE_AGE))
    with page:
        gr.Markdown("# studio")
        gr.Markdown(f"Instance: **{settings.instance}**", elem_id="instance")
        text = gr.Textbox(_EXAMPLE, label="Text", lines=4, max_length=settings.max_characters, elem_id="text")
        with gr.Row():
            voice = gr.Dropdown([("auto: by the text's script", AUTO), *names], value=AUTO, label="Voice")
            speed = gr.Slider(0.25, 4.0, value=1.0, step=0.05, label="Speed")
        button = gr.Button("Speak", variant="primary", elem_id="speak")
        audio = gr.Audio(label="Speech", format="wav", interactive=False, buttons=["download"], elem_id="audio")
        note = gr.Textbox(label="Note", interactive=False, elem_id="note")
        button.click(
            make,
            [text, voice, speed],
            [audio, note],
            api_name=API_NAME,
            concurrency_limit=settings.slots,
        )
    page.queue(max_size=settings.queue)
    return page


def _keep(outputs: Outputs, samples: bytes) -> None:
    kept = outputs.start(uuid.uuid4().hex, "wav")
    kept.write(formats.wav_header(len(samples)))
    kept.write(samples)
    kept.finish()
    outputs.prune()
