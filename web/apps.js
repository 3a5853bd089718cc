// What the apps of this package need of the page, in its language: labels, and as a message the
// sentence of a refusal, which app mode itself hides behind "View node graph", or why a result is
// doubtful.
// Labels stand in the workflow:
// extra.fittingRoomLabels = { en: { "<node id>.<widget>": "Person" }, zh: { … } }
import { app } from "../../scripts/app.js"
import { api } from "../../scripts/api.js"
import { inPageLanguage, language, loadSentences } from "./sentences.js"

const MESSAGE = "fitting-room-message"

function labelsOf(graph) {
    const labels = graph?.extra?.fittingRoomLabels ?? {}
    const set = language()
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

function tell(severity, id, text) {
    const node = app.graph.getNodeById(id) ?? app.graph.getNodeById(Number(id))
    app.extensionManager.toast.add({
        severity,
        summary: node?.title ?? "Fitting Room",
        detail: inPageLanguage(text.trim()),
        life: 20000,
        styleClass: MESSAGE,
    })
}

function refused({ detail }) {
    if (app.graph?.extra?.linearMode && detail?.node_type?.startsWith("FittingRoom"))
        tell("error", detail.node_id, detail.exception_message)
}

// What nodes/doubts.py tells beside a result. A node whose result is kept from before does not run
// and tells nothing: what it told then is told again.
const doubts = new Map()

function doubtful({ detail }) {
    if (!app.graph?.extra?.linearMode || !detail?.output?.doubts?.length) return
    doubts.set(detail.node, detail.output.doubts.join("\n"))
    tell("warn", detail.node, doubts.get(detail.node))
}

function kept({ detail }) {
    for (const id of detail?.nodes ?? []) if (doubts.has(id)) tell("warn", id, doubts.get(id))
}

// The page's messages are 25rem wide and 20px from the side: more than a phone has.
function narrow() {
    const style = document.createElement("style")
    style.textContent = `.p-toast:has(.${MESSAGE}) { max-width: calc(100vw - 40px); }`
    document.head.append(style)
}

app.registerExtension({
    name: "FittingRoom.Apps",
    setup: async () => {
        narrow()
        api.addEventListener("execution_error", refused)
        api.addEventListener("executed", doubtful)
        api.addEventListener("executing", ({ detail }) => doubts.delete(detail))
        api.addEventListener("execution_cached", kept)
        await loadSentences()
    },
    afterConfigureGraph: () => {
        doubts.clear()
        label(app.graph)
    },
})
