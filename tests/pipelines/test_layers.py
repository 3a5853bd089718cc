"""The architecture, read from the source: who may import whom, what is imported at start, sizes."""

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("nodes", "services", "pipelines", "commands")

# ComfyUI's own top-level modules; only nodes/ may import them.
ENGINE = {"comfy", "comfy_api", "comfy_execution", "comfy_extras", "execution", "folder_paths",
          "latent_preview", "server"}  # fmt: skip
# Seconds of import time or much memory: only inside functions, or in files imported only there.
HEAVY = {"accelerate", "cv2", "diffusers", "onnx", "onnxruntime", "scipy", "skimage",
         "torchmetrics", "torchvision", "transformers"}  # fmt: skip
FORBIDDEN_LAYERS = {
    "pipelines": {"nodes", "services", "commands"},
    "services": {"nodes", "commands"},
    "commands": {"nodes"},
    "nodes": {"commands"},
}
MOST_LINES, MOST_FUNCTION_LINES = 320, 60


@dataclass(frozen=True)
class Import:
    """One imported module, absolute (`fitting_room.…` inside the package). at_start: when its file
    is imported, that is outside functions and outside `if TYPE_CHECKING`."""

    module: str
    line: int
    at_start: bool
    relative: bool


def sources(*folders):
    """Python files of the package: those below the folders, or all of it."""
    names = folders or LAYERS
    files = [path for name in names for path in sorted((ROOT / name).rglob("*.py"))]
    return files if folders else [ROOT / "__init__.py", *files]


def relative_name(path):
    return path.relative_to(ROOT).as_posix()


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("fitting_room", *(part for part in parts if part != "__init__")))


def imports_of(path, source=None):
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    found = []

    def visit(node, at_start):
        if isinstance(node, ast.Import):
            found.extend(Import(name.name, node.lineno, at_start, False) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.append(Import(module, node.lineno, at_start, node.level > 0))
            # `from . import name` may import a module of that name
            found.extend(
                Import(f"{module}.{name.name}", node.lineno, at_start, node.level > 0)
                for name in node.names
            )
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.iter_child_nodes(node):
            visit(child, at_start and not inside and not typing_only)

    visit(ast.parse(source if source is not None else path.read_text(encoding="utf-8")), True)
    return found


def top(module):
    return module.split(".")[0]


def layer(module):
    parts = module.split(".")
    return parts[1] if parts[0] == "fitting_room" and len(parts) > 1 else None


def broken_layer_rules(path, source=None):
    own = path.relative_to(ROOT).parts[0]
    broken = []
    for item in imports_of(path, source):
        if top(item.module) in ENGINE and own != "nodes":
            broken.append(f"{relative_name(path)}:{item.line} imports {item.module}")
        if layer(item.module) in FORBIDDEN_LAYERS.get(own, ()):
            broken.append(f"{relative_name(path)}:{item.line} imports {item.module}")
        if top(item.module) == "fitting_room" and not item.relative:
            broken.append(f"{relative_name(path)}:{item.line} names the package absolutely")
    return broken


def test_arrows_point_down_only():
    assert not [line for path in sources() for line in broken_layer_rules(path)]


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("pipelines/some/file.py", "import comfy.utils"),
        ("pipelines/some/file.py", "def f():\n    from comfy import utils"),
        ("pipelines/some/file.py", "from ...nodes import mask"),
        ("pipelines/some/file.py", "from ... import services"),
        ("pipelines/file.py", "from fitting_room.pipelines import errors"),
        ("services/file.py", "import folder_paths"),
        ("services/file.py", "from ..nodes.mask import GarmentMask"),
        ("commands/file.py", "from ..nodes import mask"),
    ],
)
def test_an_arrow_upwards_is_noticed(file, source):
    assert broken_layer_rules(ROOT / file, source)


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("nodes/file.py", "import comfy.utils\nfrom ..pipelines import errors"),
        ("pipelines/some/file.py", "from ..errors import InputError\nimport numpy"),
        ("services/file.py", "from ..pipelines.errors import InputError"),
    ],
)
def test_an_arrow_downwards_is_allowed(file, source):
    assert not broken_layer_rules(ROOT / file, source)


def test_only_the_standard_library_is_imported_with_the_package():
    for name in ("__init__.py", "install.py", "setup.py"):
        others = {top(item.module) for item in imports_of(ROOT / name) if item.at_start}
        others -= set(sys.stdlib_module_names) | {"setuptools"}
        assert not others, f"{name} imports {others} before anything asked for it"


def start_imports(path, seen):
    """Files of the package that importing this one imports too, itself included."""
    if path in seen:
        return
    seen[path] = [item for item in imports_of(path) if item.at_start]
    for item in seen[path]:
        if top(item.module) != "fitting_room":
            continue
        parts = item.module.split(".")[1:]
        for length in range(len(parts) + 1):
            target = ROOT.joinpath(*parts[:length])
            if target.with_suffix(".py").is_file():
                start_imports(target.with_suffix(".py"), seen)
            elif (target / "__init__.py").is_file():
                start_imports(target / "__init__.py", seen)


def test_loading_the_nodes_imports_nothing_heavy():
    seen = {}
    start_imports(ROOT / "nodes" / "__init__.py", seen)
    assert len(seen) > 5
    heavy = [
        f"{relative_name(path)}:{item.line} imports {item.module}"
        for path, items in seen.items()
        for item in items
        if top(item.module) in HEAVY
    ]
    assert not heavy


def test_loading_the_nodes_imports_none_of_what_reads_pictures():
    """The engine waits for it at its start, whichever nodes a graph then uses."""
    seen = {}
    start_imports(ROOT / "nodes" / "__init__.py", seen)
    names = {relative_name(path) for path in seen}
    rooms = ("pipelines/garment/", "pipelines/masking/", "pipelines/preview/")
    assert "nodes/printing.py" in names
    assert not [
        name
        for name in names
        if name.startswith(rooms) and Path(name).stem in ("read", "body", "parsing", "pipeline")
    ]


@pytest.mark.parametrize("name", ["main", "doctor", "mask", "tryon"])
def test_the_command_line_starts_without_anything_heavy(name):
    seen = {}
    start_imports(ROOT / "commands" / f"{name}.py", seen)
    assert not [item for items in seen.values() for item in items if top(item.module) in HEAVY]


def test_pictures_are_resized_in_one_place():
    """Pillow's own resize depends on its version: `images.resize` does not."""
    found = [
        f"{relative_name(path)}:{node.lineno}"
        for path in sources(*LAYERS)
        if relative_name(path) != "pipelines/images.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("resize", "thumbnail")
        and ast.unparse(node.func.value) not in ("cv2", "opencv()")
    ]
    assert not found, "use pipelines.images.resize"


def test_no_models_name_stands_above_the_door():
    """Nodes, commands and what runs models here read the catalogue; hosted services have their own
    models."""
    from fitting_room.pipelines.catalog.models import VARIANTS

    names = {variant.model for variant in VARIANTS.values() if variant.kind != "tool"}
    names |= {name.replace("_", "-") for name in names}
    local = ("local", "options", "placement", "preview", "readers")
    above = [*sources("nodes", "commands"), *(ROOT / "services").glob("*.py")]
    above += [ROOT / "services" / "backends" / f"{name}.py" for name in local]
    word = re.compile(rf"(?<![\w-])({'|'.join(sorted(names))})(?![\w-])", re.IGNORECASE)
    assert names and not [
        f"{relative_name(path)}:{number} {found[0]}"
        for path in above
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (found := word.search(line))
    ]


# ------------------------------------------------------------------ rooms of pipelines/

# From the ground up; a room imports only from lines above its own. AGENTS.md says what each is.
ROOMS = (
    ("errors",),
    ("threads", "writing", "seams"),
    ("picture_files",),
    ("images",),
    ("processor", "fit"),
    ("maps",),
    ("catalog",),
    ("files",),
    ("diffusion",),
    ("masking",),
    ("garment",),
    ("alignment", "editing"),
    ("colour_cast",),
    ("measures",),
    ("models",),
    ("preview",),
    ("video", "views"),
    ("safety", "marks"),
)
FLOOR = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}


def files_imported(path, source=None):
    """(file, line) of the package that a file imports, also inside functions and for types."""
    found = set()
    for item in imports_of(path, source):
        parts = item.module.split(".")
        target = ROOT.joinpath(*parts[1:])
        if parts[0] != "fitting_room":
            continue
        if target.with_suffix(".py").is_file():
            found.add((target.with_suffix(".py"), item.line))
        elif (target / "__init__.py").is_file():
            found.add((target / "__init__.py", item.line))
    return found


def broken_room_rules(path, source=None):
    own = path.relative_to(ROOT / "pipelines").with_suffix("").parts[0]
    broken = []
    for target, line in sorted(files_imported(path, source)):
        if ROOT / "pipelines" not in target.parents or target == ROOT / "pipelines/__init__.py":
            continue
        other = target.relative_to(ROOT / "pipelines").with_suffix("").parts[0]
        if other != own and FLOOR[other] >= FLOOR[own]:
            broken.append(f"{relative_name(path)}:{line} of {own} imports {relative_name(target)}")
    return broken


def test_every_room_has_its_place():
    there = {path.relative_to(ROOT / "pipelines").with_suffix("").parts[0]
             for path in sources("pipelines")} - {"__init__"}  # fmt: skip
    assert not there - set(FLOOR), "name the new file or folder in ROOMS, and in AGENTS.md"


def test_rooms_import_downwards_only():
    files = [path for path in sources("pipelines") if path.parent != ROOT / "pipelines" or
             path.name != "__init__.py"]  # fmt: skip
    assert not [line for path in files for line in broken_room_rules(path)]


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("pipelines/masking/some.py", "from ..preview import warp"),
        ("pipelines/masking/some.py", "def f():\n    from ..garment.read import read_garment"),
        ("pipelines/images.py", "from .maps.edges import blur"),
        ("pipelines/marks/some.py", "from ..safety.filter import check"),
        ("pipelines/maps/some.py", "if TYPE_CHECKING:\n    from ..masking.body import Body"),
    ],
)  # fmt: skip
def test_a_room_that_looks_upwards_is_noticed(file, source):
    assert broken_room_rules(ROOT / file, source)


def circles(graph):
    """Groups of files that import each other, in whatever way round."""
    reach = {path: set(targets) for path, targets in graph.items()}
    for middle in graph:
        for targets in reach.values():
            if middle in targets:
                targets |= reach[middle]
    return [path for path, targets in reach.items() if path in targets]


def test_no_files_import_each_other():
    """Not even inside functions: that is how a circle is hidden."""
    graph = {
        path: {target for target, _ in files_imported(path) if target != path}
        for path in sources("pipelines", "services")
    }
    assert not sorted(map(relative_name, circles(graph)))


def test_a_circle_is_noticed():
    assert sorted(circles({1: {2}, 2: {3}, 3: {1}, 4: {1}, 5: set()})) == [1, 2, 3]


# Of every model the same thing, in its own folder.
OF_EVERY_MODEL = {"GarmentEncoding", "PersonEncoding", "Networks"}


def test_a_class_name_stands_for_one_thing():
    seen = {}
    for path in sources():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name not in OF_EVERY_MODEL:
                seen.setdefault(node.name, []).append(relative_name(path))
    assert not {name: files for name, files in seen.items() if len(files) > 1}


# ------------------------------------------------------------------ sizes


def written_files():
    folders = [*LAYERS, "tests", "benchmarks", "scripts"]
    return [*sorted(ROOT.glob("*.py")), *sources(*folders)]


def test_files_are_short_enough_to_read():
    long = {
        relative_name(path): lines
        for path in written_files()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MOST_LINES
        and not relative_name(path).startswith("tests/")
    }
    assert not long


def test_functions_are_short_enough_to_read():
    """A pipeline's __call__, which shows its whole loop, and a node's schema, which is a table of
    its inputs and outputs, are the exceptions."""
    long = [
        f"{relative_name(path)}:{node.lineno} {node.name}: {lines} lines"
        for path in written_files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := node.end_lineno - node.lineno + 1) > MOST_FUNCTION_LINES
        and not (node.name == "__call__" and path.is_relative_to(ROOT / "pipelines"))
        and not (node.name == "define_schema" and path.is_relative_to(ROOT / "nodes"))
    ]
    assert not long


# ------------------------------------------------------------------ dependencies


def listed_dependencies():
    """The dependencies table of pyproject.toml, also before Python 3.11 had a TOML reader."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    assert block
    return re.findall(r'"([^"]+)"', block[1])


def test_requirements_are_the_dependencies():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    required = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    assert sorted(required) == sorted(listed_dependencies())


def test_the_engines_own_libraries_are_not_required():
    names = {re.split(r"[^A-Za-z0-9_.-]", wanted)[0].lower() for wanted in listed_dependencies()}
    assert names
    assert not names & {"torch", "torchvision", "torchaudio", "numpy"}
