import Values

/// A graph as boxes and arrows: what every export draws.
struct Diagram: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        case channel, worker, ticker, entry, phase, system
        /// Named, but not declared.
        case missing

        /// As `#rrggbb`: of the box, its outline and its text.
        var colours: (fill: String, stroke: String, ink: String) {
            switch self {
            case .channel: ("#eef6ff", "#4a7ebb", "#14304f")
            case .worker: ("#f3f8ee", "#6a9a3f", "#24390f")
            case .ticker: ("#fff8e6", "#c49a2a", "#4a3706")
            case .entry: ("#f6f6f6", "#888888", "#333333")
            case .phase: ("#f7f0fb", "#9663b5", "#3c1d50")
            case .system: ("#eefafa", "#3f9a9a", "#0f3939")
            case .missing: ("#fff0f0", "#c0392b", "#7b1c12")
            }
        }
    }

    enum Flow: String, Sendable, CaseIterable {
        case messages, failures, commands, order
    }

    struct Box: Sendable {
        let kind: Kind
        let label: String
        /// A second line: what matters of its options.
        let detail: String
    }

    struct Arrow: Sendable {
        let from: Int
        let to: Int
        let flow: Flow
    }

    private(set) var boxes: [Box] = []
    private(set) var arrows: [Arrow] = []
    private var channelBoxes: [Name: Int] = [:]

    init(_ graph: Graph) {
        for node in graph.all(.channel) {
            channelBoxes[node.id.name] = add(.channel, node, Diagram.detail(channel: node))
        }
        for node in graph.all(.worker) { addWorker(node) }
        for node in graph.all(.phases) { addPhases(node) }
        var before: Int?
        for node in graph.all(.system) {
            let box = add(.system, node, "system")
            if let before { arrows.append(Arrow(from: before, to: box, flow: .order)) }
            before = box
        }
    }

    private mutating func add(_ kind: Kind, _ node: Node, _ detail: String) -> Int {
        add(kind, ":\(node.id.name.description)", detail)
    }

    private mutating func add(_ kind: Kind, _ label: String, _ detail: String) -> Int {
        boxes.append(Box(kind: kind, label: label, detail: detail))
        return boxes.count - 1
    }

    private static func detail(channel: Node) -> String {
        let count = channel.whole(.buffer, 0)
        let overflow = channel.choice(.bufferType, .fixed)
        let putMode = channel.choice(.putMode, .async)
        return (count == 0 ? "rendezvous" : "buffer \(count)") + (overflow == .fixed ? "" : ", \(overflow.rawValue)")
            + (putMode == .async ? "" : ", put \(putMode.rawValue)")
    }

    private static func detail(worker: Node) -> String {
        if worker.choice(.kind, .command) == .ticker {
            return worker[.cron]?.stringValue.map { "at \($0)" } ?? "every \(worker.whole(.intervalMs, 1000)) ms"
        }
        let parallel = worker.whole(.parallel, 1)
        return worker.choice(.dispatch, .go).rawValue + (parallel > 1 ? " × \(parallel)" : "")
            + (worker.flag(.isDurable) ? ", durable" : "")
    }

    private mutating func addWorker(_ node: Node) {
        let isTicker = node.choice(.kind, .command) == .ticker
        let box = add(isTicker ? .ticker : .worker, node, Diagram.detail(worker: node))
        if let input = node.keyword(.in) {
            let from = channelBox(input)
            arrows.append(Arrow(from: from, to: box, flow: .messages))
            if node.flag(.exposed) {
                let entry = add(.entry, "command!", "to :\(node.id.name.description)")
                arrows.append(Arrow(from: entry, to: from, flow: .commands))
            }
        }
        if let output = node.keyword(.outputChan) {
            arrows.append(Arrow(from: box, to: channelBox(output), flow: .messages))
        }
        if let fail = node.keyword(.failChan) { arrows.append(Arrow(from: box, to: channelBox(fail), flow: .failures)) }
    }

    private mutating func channelBox(_ name: Name) -> Int {
        if let known = channelBoxes[name] { return known }
        let made = add(.missing, ":\(name.description)", "not declared")
        channelBoxes[name] = made
        return made
    }

    private mutating func addPhases(_ node: Node) {
        let rows = PhasesPlan(node).rows
        let first = boxes.count
        for (index, row) in rows.enumerated() {
            let effects = Graph.elements(row.option(.effects) ?? .nil).count
            let detail =
                "phase of :\(node.id.name.description)"
                + (effects == 0 ? "" : effects == 1 ? ", 1 effect" : ", \(effects) effects")
            let box = add(.phase, shown(row.option(.group)), detail)
            // What a phase says that it waits for counts instead of the one before.
            let waits = row.option(.dependsOn).map(Graph.elements)
            let before = waits.map { groups in
                rows.indices.filter { other in
                    groups.contains { GraphChecker.isSame($0, rows[other].option(.group) ?? .nil) }
                }
            }
            for other in before ?? (index > 0 ? [index - 1] : []) {
                arrows.append(Arrow(from: first + other, to: box, flow: .order))
            }
        }
    }
}
