import Values

// Channels, workers, and how messages flow between them.
extension GraphChecker {
    mutating func checkChannel(_ node: Node) {
        guard let type = node[.bufferType]?.knownKeyword, type == .dropping || type == .sliding,
            node.whole(.buffer, 0) == 0
        else { return }
        add(
            .unbufferedLoss, "\(node.id) is \(type.rawValue) but has no buffer",
            at: node.site.place(of: [.kw(.bufferType)]),
            related: [node[.buffer] == nil ? nil : node.site.place(of: [.kw(.buffer)])],
            because: "With `:buffer` 0, the default, there is nothing to drop from.",
            hint: "give it a `:buffer` of at least 1")
    }

    mutating func checkWorker(_ node: Node) {
        let isTicker = node.choice(.kind, .command) == .ticker
        for row in DeclarationKeys.worker {
            guard let only = row.only, only != node.choice(.kind, .command), let value = node[row.key], value.isTruthy
            else {
                continue
            }
            add(
                .misplacedKey,
                "\(node.id) is a \(isTicker ? "ticker" : "command worker"), which has no use for `:\(row.key.rawValue)`",
                at: node.site.place(of: [.kw(row.key)], .key),
                hint: isTicker ? "remove it" : "a worker that goes by the clock is of `:kind :ticker`")
        }
        if isTicker {
            checkTicker(node)
        } else {
            require(node, .in, "a command worker takes its messages from a channel")
            require(node, .workerFn, "a worker needs a function")
        }
        checkChannelNames(node)
        if let meta = node[.meta] { checkMetaNames(meta, node, path: [.kw(.meta)]) }
        guard isGo(node) else { return }
        for key in [KnownName.outputChan, .failChan] {
            guard let channel = node.keyword(key).flatMap({ graph[.channel, $0] }),
                channel.choice(.putMode, .async) == .block
            else { continue }
            blockedPut(node, channel, at: node.site.place(of: [.kw(key)]), "\(node.id) puts")
        }
    }

    private mutating func checkTicker(_ node: Node) {
        if node[.cron] != nil, node[.intervalMs] != nil {
            add(
                .conflictingKeys, "\(node.id) has both `:interval-ms` and `:cron`",
                at: node.site.place(of: [.kw(.cron)], .key),
                related: [node.site.place(of: [.kw(.intervalMs)], .key)], hint: "keep one of them")
        }
        if node[.workerFn] == nil, node[.outputChan] == nil {
            add(
                .idleTicker, "\(node.id) ticks for nobody: it has neither a function nor an `:output-chan`",
                at: node.site.whole)
        }
    }

    /// D9: every channel named is declared.
    mutating func checkChannelNames(_ node: Node) {
        checkChannelName(node, .in, "takes from")
        checkChannelName(node, .outputChan, "puts its results on")
        checkChannelName(node, .failChan, "reports its failures on")
    }

    private mutating func checkChannelName(_ node: Node, _ key: KnownName, _ verb: String) {
        guard let name = node.keyword(key), graph[.channel, name] == nil else { return }
        undeclared(
            .undeclaredChannel, NodeID(.channel, name),
            "\(node.id) \(verb) `:\(name.description)`, which is not declared", at: node.site.place(of: [.kw(key)]))
    }

    mutating func checkFlow() {
        for channel in channels { checkUse(of: channel) }
        checkRendezvousCycles()
    }

    private func workers(_ key: KnownName, _ channel: Name) -> [Node] {
        workers.filter { $0.keyword(key) == channel }
    }

    /// Who reads and writes one channel (D11, G2).
    private mutating func checkUse(of channel: Node) {
        let name = channel.id.name
        let readers = workers(.in, name)
        let producers = workers(.outputChan, name)
        checkSecondConsumer(channel, readers, producers)
        checkSharedEntry(channel, readers, producers)
        // Code that names the channel may do anything with it.
        guard !mentioned.contains(name) else { return }
        let isWritten =
            !producers.isEmpty || !workers(.failChan, name).isEmpty || readers.contains { $0.flag(.exposed) }
        switch (readers.first, isWritten) {
        case (nil, false):
            add(.unusedChannel, "nobody reads or writes \(channel.id)", at: channel.site.whole)
        case (nil, true):
            let writer = (producers + workers(.failChan, name)).first
            add(
                .unreadChannel, "nobody reads \(channel.id)", at: channel.site.whole, related: [writer?.site.whole],
                because: channel.choice(.bufferType, .fixed) == .fixed
                    ? "Once it is full, what is offered to it is dropped." : nil,
                hint: "let a worker take from it with `:in`, or read it in code")
        case (let reader?, false):
            add(
                .neverReceives, "\(reader.id) can never receive: nobody writes \(channel.id)",
                at: reader.site.place(of: [.kw(.in)]), related: [channel.site.whole],
                hint: "name the channel as the `:output-chan` of another worker, or give this one `:expose? true`")
        case (_?, true): break
        }
    }

    private mutating func checkSecondConsumer(_ channel: Node, _ readers: [Node], _ producers: [Node]) {
        guard let producer = producers.first, let first = readers.first else { return }
        for second in readers.dropFirst() {
            add(
                .secondConsumer, "\(second.id) is a second consumer of \(channel.id), the output of \(producer.id)",
                at: second.site.place(of: [.kw(.in)]),
                related: [first.site.place(of: [.kw(.in)]), producer.site.place(of: [.kw(.outputChan)])],
                because:
                    "An output has one consumer: each message would reach one of them, and which is left to chance.",
                hint: "use `:parallel` for more hands, or `mult` or `pub` to give each its own copy")
        }
    }

    /// A command or request to one worker may be taken by another that reads the same channel.
    private mutating func checkSharedEntry(_ channel: Node, _ readers: [Node], _ producers: [Node]) {
        guard producers.isEmpty, readers.count > 1, let entry = readers.first(where: { $0.flag(.exposed) }) else {
            return
        }
        for other in readers where other.id != entry.id {
            add(
                .sharedEntry,
                "\(other.id) takes from \(channel.id) too, so what is sent to \(entry.id) may reach it instead",
                at: other.site.place(of: [.kw(.in)]), related: [entry.site.place(of: [.kw(.in)])],
                hint: "give each a channel of its own")
        }
    }

    /// Workers in a circle of channels that hold nothing: each may wait for the next, and offers are dropped.
    private mutating func checkRendezvousCycles() {
        var edges: [Int: [Int]] = [:]
        for (index, worker) in workers.enumerated() {
            guard let channel = worker.keyword(.outputChan).flatMap({ graph[.channel, $0] }),
                channel.whole(.buffer, 0) == 0
            else {
                continue
            }
            edges[index] = workers.indices.filter { workers[$0].keyword(.in) == channel.id.name }
        }
        for cycle in Cycles.find(count: workers.count, edges) {
            let path = (cycle + [cycle[0]]).map { ":\(workers[$0].id.name.description)" }.joined(separator: " → ")
            add(
                .rendezvousCycle, "workers pass messages in a circle without a buffer: \(path)",
                at: workers[cycle[0]].site.place(of: [.kw(.outputChan)]),
                because: "Results are offered: while the next worker is busy, they are dropped.",
                hint: "give one of the channels a `:buffer`")
        }
    }

    /// Workers that request of one another in a circle may all wait for an answer.
    mutating func checkRequestCycles() {
        var edges: [Int: [Int]] = [:]
        for (index, worker) in workers.enumerated() {
            for case .requests(let target) in (facts[worker.id] ?? []).map(\.kind) {
                if let found = workers.firstIndex(where: { $0.id.name == target }) {
                    edges[index, default: []].append(found)
                }
            }
        }
        for cycle in Cycles.find(count: workers.count, edges) {
            let path = (cycle + [cycle[0]]).map { ":\(workers[$0].id.name.description)" }.joined(separator: " → ")
            add(
                .requestCycle, "workers request of one another in a circle: \(path)", at: workers[cycle[0]].site.whole,
                because: "If each waits for its answer before it goes on, none is given.",
                hint: "answer without asking back, or give the workers `:parallel` room")
        }
    }
}

/// Cycles of a small directed graph.
enum Cycles {
    /// One cycle for each knot of nodes that reach one another: the nodes in order along it. Iterative; the order
    /// follows the nodes'.
    static func find(count: Int, _ edges: [Int: [Int]]) -> [[Int]] {
        var state = [Int](repeating: 0, count: count)  // 0 new, 1 on the path, 2 done
        var found: [[Int]] = []
        var inCycle: Set<Int> = []
        for start in 0..<count where state[start] == 0 {
            var path = [start]
            var next = [0]
            state[start] = 1
            while let node = path.last {
                let targets = edges[node] ?? []
                guard next[next.count - 1] < targets.count else {
                    state[node] = 2
                    path.removeLast()
                    next.removeLast()
                    continue
                }
                let target = targets[next[next.count - 1]]
                next[next.count - 1] += 1
                if state[target] == 0 {
                    state[target] = 1
                    path.append(target)
                    next.append(0)
                } else if state[target] == 1, let from = path.firstIndex(of: target) {
                    let cycle = Array(path[from...])
                    guard inCycle.isDisjoint(with: cycle) else { continue }
                    inCycle.formUnion(cycle)
                    found.append(cycle)
                }
            }
        }
        return found
    }
}
