"""What a bypassed node passes on in ComfyUI's page: never another picture than the one it works on.

The page takes the input in the output's own place if that has the output's type, and the first
input of that type otherwise.
"""

PASSED = {
    "FittingRoomAlignResult": "result",
    "FittingRoomBeforeAfter": "after",
    "FittingRoomDesignClothes": "image",
    "FittingRoomHostedTryOn": "image",
    "FittingRoomPasteBack": "result",
    "FittingRoomPlacePrint": "image",
    "FittingRoomPoseTransfer": "appearance",
    "FittingRoomReframe": "image",
    "FittingRoomRoutedTryOn": "image",
    "FittingRoomTryOn": "image",
    "FittingRoomUncrop": "repainted",
    ("FittingRoomFrameForEditing", "person"): "image",
    ("FittingRoomFrameForEditing", "garments"): "garment",
    ("FittingRoomGarmentCutout", "garment mask"): "mask",
}
"""Of every node that takes several pictures or masks, which of them comes out where the node is
left out. Of a node that puts a result back, the result; of one that changes a picture by the looks
of others, that picture."""

PASSES = """async kinds => {
    const graph = window.app.graph, sources = { IMAGE: 0, MASK: 1 }, found = {}
    const make = type => {
        const node = window.LiteGraph.createNode(type)
        graph.add(node)
        return node
    }
    for (const kind of kinds) {
        graph.clear()
        const node = make(kind), names = {}, shown = []
        node.inputs.forEach((input, place) => {
            if (!(input.type in sources)) return
            const photo = make('LoadImage')
            photo.connect(sources[input.type], node, place)
            names[photo.id] = input.name
        })
        node.outputs.forEach((output, place) => {
            if (!(output.type in sources)) return
            const sink = make(output.type === 'IMAGE' ? 'PreviewImage' : 'MaskToImage')
            node.connect(place, sink, 0)
            shown.push([output.name, sink])
        })
        node.mode = 4
        const sent = (await window.app.graphToPrompt()).output
        found[kind] = shown.map(([name, sink]) => {
            const { images, mask } = sent[sink.id].inputs
            return [name, names[(images ?? mask)?.[0]] ?? null]
        })
    }
    return found
}"""


def wanted(info, output, kind):
    """Which input goes on in an output's place; None where no input is of its kind."""
    taken = [name for part in info["input"].values() for name, (what, *_) in part.items()
             if what == kind]  # fmt: skip
    if len(taken) > 1:
        return PASSED.get((info["name"], output)) or PASSED[info["name"]]
    return taken[0] if taken else None


def test_a_bypassed_node_passes_on_what_it_works_on(page, engine):
    nodes = {
        name: info
        for name, info in engine.get("/object_info").items()
        if name.startswith("FittingRoom") and not name.startswith("FittingRoomTest")
    }
    found = page.evaluate(PASSES, list(nodes))
    assert found == {
        name: [
            [output, wanted(info, output, kind)]
            for output, kind in zip(info["output_name"], info["output"], strict=True)
            if kind in ("IMAGE", "MASK")
        ]
        for name, info in nodes.items()
    }
