"""voice, the reference engine: real speech on a CPU behind an OpenAI-style HTTP API.

What happens to a request, module by module: `api` checks it, takes a slot and sends the answer; `text` makes
clean pieces of the input; `voices` names who speaks; `synthesis` runs a synthesiser for each piece; `dsp` brings
its samples to the asked speed and the common rate; `formats` packs them; `outputs` keeps a copy.
"""
