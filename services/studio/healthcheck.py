"""`python3 -m studio.healthcheck`, for Docker's HEALTHCHECK: exits 0 where /config answers 200, else 1 and why.

/config is Gradio's own description of the page: it is there when the page can be used. The port is STUDIO_PORT
(7860).
"""

import sys

from voice.healthcheck import main

if __name__ == "__main__":
    sys.exit(main("STUDIO_PORT", "7860", "/config"))
