import Values

/// Something that the code of a function is seen to do, which matters to the graph.
package struct CodeFact: Sendable {
    package enum Kind: Sendable {
        /// Calls what blocks its thread: the name of the function called.
        case blocks(String)
        /// `(command! system :worker …)`
        case commands(Name)
        /// `(request! system :worker …)`
        case requests(Name)
        /// `(perform-phases :plan …)`
        case performs(Name)
        /// Names a `defmeta`.
        case usesMeta(Name)
        /// Makes an effect of this type; whether its result changes the world outside and no idempotency key is given.
        case makesEffect(Name, isUnkeyed: Bool)
    }

    package var kind: Kind
    package var place: SourceLabel?
    /// The functions on the way, outermost first, when it is not the function itself that does it.
    package var path: [String]
    /// Where it is done, when that is not at `place` itself.
    package var cause: SourceLabel?

    package init(_ kind: Kind, at place: SourceLabel?, path: [String] = [], cause: SourceLabel? = nil) {
        self.kind = kind
        self.place = place
        self.path = path
        self.cause = cause
    }

    var isBlocking: Bool { if case .blocks = kind { true } else { false } }
}

/// Reads facts off code as it is written, without knowing what its names mean: enough for calls that a declaration
/// itself makes. Whoever has the compiled code knows better what blocks (`CheckContext.facts`).
struct BodyScan {
    private(set) var facts: [CodeFact] = []
    /// Every keyword in the code: a channel that code names may be read and written by it.
    private(set) var mentioned: Set<Name> = []

    /// Calls whose names promise to hold the thread.
    private static let blocking: Set<String> = ["<!!", ">!!", "alts!!", "alt!!"]
    /// What runs on another thread, or not at all.
    private static let elsewhere: Set<String> = ["thread", "thread-call", "future", "future-call", "quote", "comment"]

    /// Where a call may be meant to fail, or is none.
    private static let uncertain: Set<String> = ["quote", "comment", "try", "is", "thrown?", "thrown-with-msg?"]

    /// Walks `forms` with a stack of its own: code may nest as deep as it likes.
    mutating func scan(_ forms: [Value]) {
        var pending: [(form: Value, isElsewhere: Bool, isUncertain: Bool)] = forms.reversed().map { ($0, false, false) }
        while let (form, isElsewhere, isUncertain) = pending.popLast() {
            var inside = isElsewhere
            var uncertain = isUncertain
            var elements: [Value] = []
            switch form {
            case .keyword(let name):
                mentioned.insert(name)
                continue
            case .list(let list):
                elements = list.elements ?? []
                guard let head = elements.first?.symbolName?.name else { break }
                if BodyScan.elsewhere.contains(head) { inside = true }
                if BodyScan.uncertain.contains(head) { uncertain = true }
                call(head, elements, list.origin, isElsewhere: inside)
                if !uncertain { names(head, elements, list.origin) }
                meta(elements)
            case .vector(let vector): elements = vector.elements
            case .set(let set): elements = set.elementVector().elements
            case .map(let map):
                for (key, value) in map.entries { elements += [key, value] }
            default: continue
            }
            pending.append(contentsOf: elements.reversed().map { ($0, inside, uncertain) })
        }
    }

    private mutating func call(_ head: String, _ elements: [Value], _ origin: Origin?, isElsewhere: Bool) {
        func place(_ index: Int) -> SourceLabel? {
            origin.flatMap { index < $0.children.count ? SourceLabel($0.source, $0.children[index]) : nil }
        }
        if BodyScan.blocking.contains(head), !isElsewhere { facts.append(CodeFact(.blocks(head), at: place(0))) }
        switch head {
        case "command!", "request!":
            guard elements.count > 2, case .keyword(let worker) = elements[2] else { return }
            facts.append(CodeFact(head == "command!" ? .commands(worker) : .requests(worker), at: place(2)))
        case "effect":
            guard elements.count > 1, case .keyword(let type) = elements[1] else { return }
            let params = elements.count > 2 ? elements[2] : .nil
            let isUnkeyed = elements.count < 4 && Effects.changesTheOutside(type, params)
            facts.append(CodeFact(.makesEffect(type, isUnkeyed: isUnkeyed), at: place(1)))
        default: return
        }
    }

    /// Plans and metas that calls name by a keyword: `(perform-phases :checkout)`, `(effect :a {} :model-call)`.
    private mutating func names(_ head: String, _ elements: [Value], _ origin: Origin?) {
        let site = Site(
            source: origin?.source, span: origin?.span, nameSpan: nil,
            options: .list(Cons.list(elements, extra: Extra.of(meta: nil, origin: origin))), optionsSpan: origin?.span)
        switch head {
        case "perform-phases", "phases-of":
            guard elements.count > 1, case .keyword(let plan) = elements[1] else { return }
            facts.append(CodeFact(.performs(plan), at: site.place(of: [.int(1)])))
        case "effect":
            guard elements.count == 4 else { return }
            if case .keyword(let name) = elements[3] {
                facts.append(CodeFact(.usesMeta(name), at: site.place(of: [.int(3)])))
            }
            guard case .vector(let parts) = elements[3] else { return }
            for case (let index, .keyword(let name)) in parts.elements.enumerated() {
                facts.append(CodeFact(.usesMeta(name), at: site.place(of: [.int(3), .int(Int64(index))])))
            }
        default: return
        }
    }

    /// `(llm/chat {… :meta :model-call})`: what the parameters of a built-in effect name. Other maps may mean anything.
    private mutating func meta(_ elements: [Value]) {
        guard let head = elements.first?.symbolName, let space = head.namespace,
            BodyScan.effectNamespaces.contains(space)
        else { return }
        // A server, and what a tool takes, are maps with keys of their own.
        let others = space != "mcp" ? 1 : head.name == "call" ? 4 : 2
        for case .map(let map) in elements.dropFirst(others) {
            guard case .keyword(let name)? = map.option(.meta) else { continue }
            let site = Site(
                source: map.origin?.source, span: map.origin?.span, nameSpan: nil, options: .map(map), optionsSpan: nil)
            facts.append(CodeFact(.usesMeta(name), at: site.place(of: [.kw(.meta)])))
        }
    }

    private static let effectNamespaces: Set<String> = ["fs", "http", "llm", "mcp", "proc", "time", "log"]
}

/// What is known of effect types without asking who handles them.
enum Effects {
    /// Whether doing it twice is different from doing it once, as far as its type and literal parameters tell.
    static func changesTheOutside(_ type: Name, _ params: Value) -> Bool {
        switch type.description {
        case "proc/run", "mcp/call", "process/start": return true
        case "http/request":
            guard case .map(let map) = params, let method = map.option(.method) else { return false }
            let name: String? = if case .keyword(let keyword) = method { keyword.name } else { method.stringValue }
            return !["get", "head", "options"].contains((name ?? "get").lowercased())
        default: return false
        }
    }
}
