// What this package says, in the page's language. locales/<language>/main.json holds pairs: the
// English sentence with {0}, {1}, … in place of what changes, and its translation. What stands in
// those places is translated as well; what no pair knows stays as it is.
import { app } from "../../scripts/app.js"
import { api } from "../../scripts/api.js"

// A text that no pair knows as a whole is taken apart. every: only where each part is known.
const PARTS = [
    { at: /\n/, glue: "\n" },
    { at: /(?<=[.?!]) /, glue: " " },
    { at: /; /, glue: "；" },
    { at: /(?<=^[^:]*): /, glue: "：" },
    { at: /, | and /, glue: "、", every: true },
]

let tables = {}

function pattern(english) {
    const fixed = english.split(/\{\d+\}/)
    const escaped = fixed.map(text => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    return { known: fixed.join("").length, expression: new RegExp(`^${escaped.join("([^]*?)")}$`) }
}

export function language() {
    return app.ui.settings.getSettingValue("Comfy.Locale") ?? "en"
}

export async function loadSentences() {
    const found = await (await api.fetchApi("/i18n")).json()
    for (const [name, texts] of Object.entries(found))
        tables[name] = (texts.fittingRoom?.sentences ?? [])
            .map(([english, own]) => ({ ...pattern(english), own }))
            .sort((one, other) => other.known - one.known)
}

function known(text, table) {
    for (const { expression, own } of table) {
        const found = expression.exec(text)
        if (found)
            return own.replace(/\{(\d+)\}/g, (_, place) => said(found[Number(place) + 1].trim(), table))
    }
}

function listed(text, table) {
    const parts = text.split("; ")
    const own = parts.length > 1 ? parts.map(part => known(part, table)) : []
    if (own.length && own.every(Boolean)) return own.join("；")
}

function inParts(text, table, { at, glue, every }) {
    const parts = text.split(at)
    if (parts.length < 2) return
    const own = parts.map(part => said(part, table))
    const changed = own.filter((part, place) => part !== parts[place]).length
    if (every ? changed === parts.length : changed)
        return own.join(glue).replace(/([。！？]) /g, "$1")
}

function said(text, table) {
    const [, before, rest] = /^(\s*)([^]*)$/.exec(text)
    if (!rest || !table.length) return text
    const inside = /^'([^']*)'$/.exec(rest)?.[1]
    let own = listed(rest, table) ?? known(rest, table) ?? (inside && known(inside, table))
    for (const way of PARTS) own ??= inParts(rest, table, way)
    return own === undefined ? text : before + own
}

export function inPageLanguage(text) {
    const set = language()
    return said(text, tables[set] ?? tables[set.split("-")[0]] ?? [])
}
