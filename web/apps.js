// What the apps of this package need of the page: labels in its language, and the sentence of a
// refusal, which app mode itself hides behind "View node graph".
// Labels stand in the workflow:
// extra.fittingRoomLabels = { en: { "<node id>.<widget>": "Person" }, zh: { … } }
import { app } from "../../scripts/app.js"
import { api } from "../../scripts/api.js"

const REFUSAL = "fitting-room-refusal"

function labelsOf(graph) {
    const labels = graph?.extra?.fittingRoomLabels ?? {}
    const set = app.ui.settings.getSettingValue("Comfy.Locale") ?? "en"
    return labels[set] ?? labels[set.split("-")[0]] ?? labels.en ?? {}
}

function label(graph) {
    for (const [key, text] of Object.entries(labelsOf(graph))) {
        const [id, name] = key.split(/\.(.*)/s)
        const node = graph.getNodeById(id) ?? graph.getNodeById(Number(id))
        const widget = node?.widgets?.find(one => one.name === name)
        const input = node?.inputs?.find(one => one.widget?.name === name)
        if (widget) widget.label = text
        if (input) input.label = text
    }
}

function refused({ detail }) {
    if (!app.graph?.extra?.linearMode || !detail?.node_type?.startsWith("FittingRoom")) return
    const title = detail.node_type.replace("FittingRoom", "").replace(/(?<=[a-z])(?=[A-Z])/g, " ")
    const node = app.graph.getNodeById(detail.node_id) ?? app.graph.getNodeById(Number(detail.node_id))
    app.extensionManager.toast.add({
        severity: "error",
        summary: node?.title ?? title,
        detail: detail.exception_message.trim(),
        life: 20000,
        styleClass: REFUSAL,
    })
}

// The page's messages are 25rem wide and 20px from the side: more than a phone has.
function narrow() {
    const style = document.createElement("style")
    style.textContent = `.p-toast:has(.${REFUSAL}) { max-width: calc(100vw - 40px); }`
    document.head.append(style)
}

app.registerExtension({
    name: "FittingRoom.Apps",
    setup: () => {
        narrow()
        api.addEventListener("execution_error", refused)
    },
    afterConfigureGraph: () => label(app.graph),
})
