"""Tells setuptools that the checkout itself is the import package `fitting_room`."""

from setuptools import find_packages, setup

LAYERS = ("nodes", "pipelines", "services", "commands")
found = find_packages(
    ".", include=[pattern for layer in LAYERS for pattern in (layer, f"{layer}.*")]
)

setup(
    packages=["fitting_room", *(f"fitting_room.{name}" for name in found)],
    package_dir={"fitting_room": "."},
    package_data={
        "fitting_room": [
            "NOTICE",
            "samples/*",
            "workflows/*",
            "workflows/api/*",
            "subgraphs/*",
            "locales/*/*",
            "web/**/*",
        ],
        "fitting_room.services": ["**/*.toml", "**/*.html", "migrations/**/*"],
        "fitting_room.pipelines": ["**/*.onnx", "**/*.safetensors", "**/*.json", "**/LICENSE"],
    },
)
