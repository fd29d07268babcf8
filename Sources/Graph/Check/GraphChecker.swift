import Machine
import Reader
import Values

/// What the checker cannot see from declarations, told by whoever can.
package struct CheckContext: Sendable {
    /// What a function does, and what it calls does, as its compiled code tells: `CallGraph.facts`. Without it the text of
    /// the declarations is all there is. Called once for each function.
    package var facts: (@Sendable (Value) -> [CodeFact])?
    /// Keywords in code outside of declarations: a channel that code names may be read and written there.
    package var mentioned: Set<Name>
    /// The plans and metas that code outside of declarations names.
    package var named: [CodeFact] = []
    /// Effect types that have a handler, besides the script's own; empty when they are not known.
    package var effectTypes: [Name]
    /// What may be declared besides, in code that was not run.
    package var unseen: UnseenDeclarations

    package init(
        facts: (@Sendable (Value) -> [CodeFact])? = nil, mentioned: Set<Name> = [],
        effectTypes: [Name] = [], unseen: UnseenDeclarations = UnseenDeclarations()
    ) {
        self.facts = facts
        self.mentioned = mentioned
        self.effectTypes = effectTypes
        self.unseen = unseen
    }

    /// The same with what the code of `forms` names; declarations tell their own and are left out.
    package func reading(_ forms: [Value]) -> CheckContext {
        let declaring = Set(DeclarationKind.allCases.map(\.form))
        var scan = BodyScan()
        var defined: Set<String> = []
        for form in forms {
            guard case .list(let list) = form, let head = list.first.symbolName else { continue }
            if head.name.hasPrefix("def"), let name = list.elements?.dropFirst().first?.symbolName {
                defined.insert(name.name)
            }
        }
        scan.scan(
            forms.filter { form in
                guard case .list(let list) = form, let head = list.first.symbolName else { return true }
                return !declaring.contains(head.name)
            })
        var context = self
        context.mentioned.formUnion(scan.mentioned)
        context.named += scan.facts.filter { fact in
            switch fact.kind {
            case .performs: defined.isDisjoint(with: ["perform-phases", "phases-of"])
            case .usesMeta: defined.isDisjoint(with: ["effect"])
            default: false
            }
        }
        return context
    }
}

extension Graph {
    /// Everything that can be told to be wrong before anything runs (G2), in the order of the text.
    package func check(_ context: CheckContext = CheckContext()) -> [Finding] {
        var checker = GraphChecker(self, context)
        checker.run()
        return checker.findings.enumerated().sorted { left, right in
            // By place within one source; else in the order found.
            guard let a = left.element.place, let b = right.element.place, a.source === b.source,
                a.span.start != b.span.start
            else { return left.offset < right.offset }
            return a.span.start < b.span.start
        }.map(\.element)
    }
}

/// The state of one check. Each `check…` adds what it finds.
struct GraphChecker {
    let graph: Graph
    let context: CheckContext
    var findings: [Finding]
    let channels: [Node]
    let workers: [Node]
    /// What the code of each worker, effect, plan and system does.
    private(set) var facts: [NodeID: [CodeFact]] = [:]
    private(set) var mentioned: Set<Name>
    /// Whether what is looked at may never be declared, so that what it lacks stops no start.
    private var isUnseen = false

    init(_ graph: Graph, _ context: CheckContext) {
        self.graph = graph
        self.context = context
        findings = graph.strays
        channels = graph.all(.channel)
        workers = graph.all(.worker)
        mentioned = context.mentioned.union(context.unseen.mentioned)
        for node in graph.nodes {
            var scan = BodyScan()
            scan.scan(node.site.body)
            mentioned.formUnion(scan.mentioned)
            var found = scan.facts
            if let compiled = context.facts {
                let functions = node.functions.sorted { $0.key.rawValue < $1.key.rawValue }.compactMap(\.value.value)
                // What blocks is told by the code itself, which sees through macros and past `thread`.
                if !functions.isEmpty { found.removeAll(where: \.isBlocking) }
                for function in functions { found += compiled(function) }
            }
            facts[node.id] = found
        }
    }

    mutating func run() {
        for node in graph.nodes {
            findings += node.findings
            var options = OptionCheck(node)
            options.run()
            findings += options.findings
            checkFunctions(node)
            checkFacts(node)
            switch node.id.kind {
            case .channel: checkChannel(node)
            case .worker: checkWorker(node)
            case .effect: require(node, .handler, "an effect needs a function that does it")
            case .system: require(node, .fn, "a system needs a function from world to world")
            case .meta: checkGroups(of: node.options, node, path: [])
            case .phases: checkPhases(node)
            case .configure: checkLimits(node)
            case .needs: break
            }
        }
        for fact in context.named { checkName(fact, nil) }
        checkFlow()
        checkRequestCycles()
        isUnseen = true
        for node in context.unseen.nodes { checkUnseen(node) }
    }

    /// A declaration that the check did not run: its options as far as they are written down, and the names in them.
    private mutating func checkUnseen(_ node: Node) {
        var options = OptionCheck(node)
        options.run()
        findings += options.findings
        guard node.id.kind == .worker else { return }
        checkChannelNames(node)
        if let meta = node[.meta] { checkMetaNames(meta, node, path: [.kw(.meta)]) }
    }

    /// Says of a name that nothing declares it: an error, unless the script may do so when it runs.
    mutating func undeclared(
        _ code: FindingCode, _ title: String, at place: SourceLabel?, hint: String?, where isNamed: (Node) -> Bool
    ) {
        if let reason = context.unseen.reason(where: isNamed) {
            let next = reason.place == nil ? hint : "declare it at the top level, where `check` sees it"
            add(.unseenDeclaration, title, at: place, related: [reason.place], because: reason.text, hint: next)
        } else if isUnseen {
            add(
                .unseenDeclaration, title, at: place,
                because: "`check` does not run what this declaration stands in; a start with it is refused.", hint: hint
            )
        } else {
            add(code, title, at: place, hint: hint)
        }
    }

    mutating func undeclared(
        _ code: FindingCode, _ id: NodeID, _ title: String, at place: SourceLabel?, hint: String? = nil
    ) {
        undeclared(code, title, at: place, hint: hint ?? self.hint(id.name, id.kind)) { $0.id == id }
    }

    mutating func add(
        _ code: FindingCode, _ title: String, at place: SourceLabel?, related: [SourceLabel?] = [],
        because explanation: String? = nil, hint: String? = nil
    ) {
        findings.append(Finding(code, title, at: place, related: related, because: explanation, hint: hint))
    }

    mutating func require(_ node: Node, _ key: KnownName, _ why: String) {
        guard node.options.option(key)?.isNil ?? true else { return }
        add(.missingKey, "\(node.id) has no `:\(key.rawValue)`: \(why)", at: node.site.whole)
    }

    /// The nearest declared names of a kind, else how to declare it.
    func hint(_ name: Name, _ kind: DeclarationKind) -> String {
        GraphChecker.nearest(name, among: graph.names(of: kind))
            ?? "declare it: (\(kind.form) :\(name.description) {…})"
    }

    /// Names that share their namespace are compared without it, or a long one would make everything near.
    static func nearest(_ name: Name, among candidates: [Name]) -> String? {
        let near = candidates.filter { candidate in
            guard let space = name.namespace, candidate.namespace == space else { return true }
            return !Nearest.names(to: name.name, among: [candidate.name]).isEmpty
        }
        return Nearest.hint(for: ":\(name.description)", among: near.map { ":\($0.description)" })
    }
}

// Functions, and what their code does.
extension GraphChecker {
    mutating func checkFunctions(_ node: Node) {
        for row in node.id.kind.keys {
            guard let reference = node.functions[row.key] else { continue }
            if case .found(let name, let value) = reference { checkArity(node, row.key, name, value) }
            checkReference(reference, node, path: [.kw(row.key)])
        }
        for (path, function) in node.actions { checkReference(function, node, path: path) }
    }

    private mutating func checkReference(_ reference: FunctionReference, _ node: Node, path: [Value]) {
        let place = node.site.place(of: path)
        switch reference {
        case .found: return
        case .missing(let name, let near):
            add(
                .undeclaredFunction, "\(node.id) names the function \(name.description), which does not exist",
                at: place,
                hint: near.isEmpty ? nil : "did you mean \(near.map { "`\($0)`" }.joined(separator: " or "))?")
        case .unknownNamespace(let name):
            add(
                .unresolvedFunction,
                "the function \(name.description) was not looked for: its namespace is not there",
                at: place, because: "A start needs it.",
                hint: "add the folder that holds namespace \(name.namespace ?? "") to `:paths`")
        case .unloadable(let name, let why):
            add(
                .unloadableNamespace,
                "the function \(name.description) cannot be had, for its namespace fails to load: \(why.title)",
                at: place, related: [why.primary], because: why.explanation, hint: why.hint)
        }
    }

    /// How many arguments the function under a key is called with.
    private static func arguments(_ kind: DeclarationKind, _ key: KnownName) -> (count: Int, what: String)? {
        switch (kind, key) {
        case (.worker, _): (2, "the context and the message")
        case (.system, _): (2, "the world and the elapsed milliseconds")
        case (.effect, .merge): (2, "the parameters of both")
        case (.effect, _): (1, "the parameters")
        default: nil
        }
    }

    /// - Parameter value: the function, or the var that names it and is looked at as it is by now.
    private mutating func checkArity(_ node: Node, _ key: KnownName, _ name: Name, _ value: Value) {
        guard let wanted = GraphChecker.arguments(node.id.kind, key) else { return }
        let takes: String
        switch value {
        case .object(let object):
            // A macro takes forms; a var without a value, or with nil, may get one when the script runs.
            guard let variable = object as? Var, variable.isBound, !variable.isMacro, !variable.root.isNil else {
                return
            }
            return checkArity(node, key, name, variable.root)
        case .bool, .int, .double, .char, .shortText, .longText:
            return add(
                .wrongType, "the function of \(node.id) must be a function, but \(name.name) is \(value.briefly)",
                at: node.site.place(of: [.kw(key)]),
                because: "It is called with \(wanted.what).")
        case .function(let closure):
            guard let prototype = closure.owner as? Prototype, prototype.code(for: wanted.count) == nil else { return }
            takes = prototype.accepts
        case .native(let callable):
            guard let native = callable as? Native else { return }
            checkBlocking(node, native)
            guard wanted.count < native.minimum || native.maximum >= 0 && wanted.count > native.maximum else { return }
            takes = native.minimum == native.maximum ? "\(native.minimum)" : "\(native.minimum) or more"
        default: return
        }
        let isOwn = key == node.id.kind.functionKey
        add(
            .wrongArity,
            "the function of \(node.id) must take \(wanted.count == 1 ? "1 argument" : "\(wanted.count) arguments")",
            at: (isOwn ? node.site.parameters : nil) ?? node.site.place(of: [.kw(key)]),
            because: "It is called with \(wanted.what), but \(name.name) takes \(takes).")
    }

    private mutating func checkBlocking(_ node: Node, _ native: Native) {
        guard native.blocks, isGo(node) else { return }
        blocking(node, CodeFact(.blocks(native.name), at: nil), native.name)
    }

    func isGo(_ node: Node) -> Bool { node.id.kind == .worker && node.choice(.dispatch, .go) == .go }

    private mutating func blocking(_ node: Node, _ fact: CodeFact, _ call: String) {
        let way = fact.path.isEmpty ? "" : ", by way of \(fact.path.joined(separator: " → "))"
        let parking = ["<!!": "<!", ">!!": ">!", "alts!!": "alts!", "alt!!": "alt!"][call]
        add(
            .blockingCall, "\(node.id) is `:dispatch :go` and calls `\(call)`, which blocks its thread\(way)",
            at: fact.place ?? node.site.place(of: [.kw(.workerFn)]), related: [fact.cause],
            because: "Workers of :go share a few threads; one that blocks stops the others.",
            hint: parking.map { "use `\($0)`, which parks, or `:dispatch :thread`" } ?? "use `:dispatch :thread`")
    }

    mutating func checkFacts(_ node: Node) {
        for fact in facts[node.id] ?? [] {
            switch fact.kind {
            case .blocks(let call): if isGo(node) { blocking(node, fact, call) }
            case .commands(let worker): checkEntry(node, worker, "command!", fact)
            case .requests(let worker): checkEntry(node, worker, "request!", fact)
            case .performs, .usesMeta: checkName(fact, node)
            case .makesEffect(let type, let isUnkeyed):
                checkEffectType(type, at: fact.place)
                if isUnkeyed { unkeyed(type, at: fact.place) }
            }
        }
    }

    /// A plan or a meta that code names, in a declaration or outside of one.
    private mutating func checkName(_ fact: CodeFact, _ node: Node?) {
        switch fact.kind {
        case .usesMeta(let name): checkMetaName(name, node, at: fact.place)
        case .performs(let plan):
            guard graph[.phases, plan] == nil else { return }
            undeclared(
                .undeclaredPlan, NodeID(.phases, plan), "there is no plan :\(plan.description)", at: fact.place,
                hint: GraphChecker.nearest(plan, among: graph.names(of: .phases))
                    ?? "declare it: (defphases :\(plan.description) [] …)")
        default: return
        }
    }

    mutating func unkeyed(_ type: Name, at place: SourceLabel?) {
        add(
            .noIdempotencyKey, "`:\(type.description)` acts on the outside without an idempotency key", at: place,
            because: "If it is tried again or run again after a crash, it may be done twice.",
            hint: "give its meta an :idempotency-key made of what it is about")
    }

    /// A `command!` or `request!` with the id of its worker written out (D8, D19).
    private mutating func checkEntry(_ node: Node, _ target: Name, _ call: String, _ fact: CodeFact) {
        let exposed = workers.filter { $0.flag(.exposed) }.map { ":\($0.id.name.description)" }
        let those = exposed.isEmpty ? "no worker is" : "exposed are \(exposed.joined(separator: " "))"
        guard let worker = graph[.worker, target] else {
            return undeclared(
                .unanswerable, NodeID(.worker, target),
                "`\(call)` to worker :\(target.description), which is not declared", at: fact.place)
        }
        guard worker.flag(.exposed) else {
            return add(
                .unanswerable, "`\(call)` to \(worker.id), which is not exposed", at: fact.place,
                related: [worker.site.whole],
                because: "Only workers with `:expose? true` can be reached; \(those).")
        }
        guard isGo(node), let channel = worker.keyword(.in).flatMap({ graph[.channel, $0] }),
            channel.choice(.putMode, .async) == .block
        else { return }
        blockedPut(node, channel, at: fact.place, "`\(call)` to \(worker.id) puts")
    }

    /// D4.
    mutating func blockedPut(_ node: Node, _ channel: Node, at place: SourceLabel?, _ what: String) {
        add(
            .blockFromGo, "\(what) on \(channel.id) with `:put-mode :block` from a `:go` worker", at: place,
            related: [channel.site.place(of: [.kw(.putMode)])],
            because: "A blocking put holds the thread, which workers of :go share; \(node.id) is one of them.",
            hint: "give the worker `:dispatch :thread`, or the channel another `:put-mode`")
    }
}
