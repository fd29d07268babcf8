import Values

/// A batch after deduplication: who stands, who is answered by whom, and how the groups hang together. Making a plan
/// changes nothing, so that a batch that is rejected leaves no trace.
struct BatchPlan {
    /// What an effect of the batch came to.
    enum Place {
        /// It stands, or is answered by the one that does: an index into `standing`.
        case standing(Int)
        /// A known effect answers for it.
        case known(Int32)
        /// A known effect that has not started takes its parameters (`:last`) or merges them (`:merge`).
        case takenOver(Int, Int32, merge: Bool)
        /// The journal has the outcome.
        case recorded(Value)
        /// An entry was made for what the journal has.
        case replayed(Int32)
    }

    struct Standing {
        var effect: Effect {
            didSet { asks = Asks(effect.meta) }
        }
        /// What of its meta planning has to look at.
        private(set) var asks: Asks
        /// The first's, when several were combined.
        let strategy: EffectMeta.DedupStrategy
        /// Position in the batch.
        var position: Int
        var aliases: [ValueKey] = []
        /// For a type that merges itself.
        var parts: [Effect] = []

        init(effect: Effect, position: Int) {
            self.effect = effect
            self.position = position
            let meta = effect.meta
            strategy = meta.dedupStrategy
            asks = Asks(meta)
        }
    }

    /// Which of the things that planning looks at an effect's meta asks for. Beside the plan's own, because a large batch is gone
    /// through several times, and its effects and their meta lie all over the memory.
    struct Asks: OptionSet {
        let rawValue: UInt8
        static let sequence = Asks(rawValue: 1)
        static let group = Asks(rawValue: 2)
        static let order = Asks(rawValue: 4)
        static let dependencies = Asks(rawValue: 8)
        static let cancellation = Asks(rawValue: 16)

        init(rawValue: UInt8) { self.rawValue = rawValue }

        init(_ meta: EffectMeta) {
            self = []
            if meta.mode == .sequential { insert(.sequence) }
            if meta.group != nil { insert(.group) }
            if meta.order != 0 { insert(.order) }
            if !meta.dependsOn.isEmpty { insert(.dependencies) }
            if !meta.cancels.isEmpty { insert(.cancellation) }
        }
    }

    struct PlannedGroup {
        /// Nil for the effects without a group, which keep order among themselves.
        var key: ValueKey?
        /// Indices into `standing`, in order.
        var members: [Int] = []
        /// Known effects that answer for members.
        var adopted: [Int32] = []
        /// The same of this batch, which stand elsewhere: indices into `standing`.
        var answeredBy: [Int] = []
        var dependencies: [ValueKey] = []
        /// Indices into `groups`, and machine groups of earlier batches.
        var local: [Int] = []
        var earlier: [Int32] = []
    }

    var places: [Place] = []
    var standing: [Standing] = []
    var groups: [PlannedGroup] = []
    /// A known effect has the key of one of the batch, and does not simply answer for it.
    var mayTakeOver = false
    private var groupIndex: [ValueKey: Int] = [:]
    private var loneIndex: Int?

    /// Puts every standing effect into its group, in the order of the group.
    mutating func formGroups(_ submission: Submission) {
        for key in submission.declaredGroups { _ = group(key) }
        for (position, place) in places.enumerated() {
            switch place {
            case .standing(let index) where standing[index].position != position:
                // It is no member, but the group is there, and complete no sooner than what answers for it has ended.
                if let key = submission.effects[position].meta.group, standing[index].effect.meta.group != key {
                    groups[group(key)].answeredBy.append(index)
                }
            case .known(let slot):
                if let key = submission.effects[position].meta.group { groups[group(key)].adopted.append(slot) }
            case .recorded:
                if let key = submission.effects[position].meta.group { _ = group(key) }
            default: continue
            }
        }
        for index in standing.indices {
            let asks = standing[index].asks
            let at = group(asks.contains(.group) ? standing[index].effect.meta.group : nil)
            groups[at].members.append(index)
            // J19: a group depends on what any of its members depends on. Effects without a group share nothing.
            guard asks.isSuperset(of: [.group, .dependencies]) else { continue }
            for key in standing[index].effect.meta.dependsOn where !groups[at].dependencies.contains(key) {
                groups[at].dependencies.append(key)
            }
        }
        for at in groups.indices where groups[at].members.contains(where: { standing[$0].asks.contains(.order) }) {
            groups[at].members.sort {
                (standing[$0].effect.meta.order, $0) < (standing[$1].effect.meta.order, $1)
            }
        }
    }

    mutating func group(_ key: ValueKey?) -> Int {
        if let key {
            if let found = groupIndex[key] { return found }
            groupIndex[key] = groups.count
        } else {
            if let loneIndex { return loneIndex }
            loneIndex = groups.count
        }
        groups.append(PlannedGroup(key: key))
        return groups.count - 1
    }

    /// A single effect that asks nothing of others: it needs no group.
    var isOneAlone: Bool {
        groups.count == 1 && groups[0].key == nil && groups[0].members.count == 1
            && !standing[0].asks.contains(.dependencies)
            && standing.count == 1
    }

    func localGroup(_ key: ValueKey) -> Int? { groupIndex[key] }
    var groupNames: [ValueKey] { groups.compactMap(\.key) }

    /// Whether nothing of this batch comes before `standing[index]`: only then may an effect that waits elsewhere
    /// already run in its stead.
    func isUnconstrained(_ index: Int) -> Bool {
        let meta = standing[index].effect.meta
        guard meta.dependsOn.isEmpty, let at = meta.group.map({ groupIndex[$0] }) ?? loneIndex else { return false }
        guard groups[at].dependencies.isEmpty else { return false }
        for member in groups[at].members {
            if member == index { return true }
            if meta.mode == .sequential || standing[member].effect.meta.mode == .sequential { return false }
        }
        return true
    }

    /// The groups of the batch that must be complete, or at least come to something, before this one is complete.
    private func awaited(by at: Int) -> [Int] {
        groups[at].local
            + groups[at].answeredBy.flatMap { index -> [Int] in
                let meta = standing[index].effect.meta
                if let home = meta.group { return localGroup(home).map { [$0] } ?? [] }
                return meta.dependsOn.compactMap { localGroup($0) }
            }
    }

    /// The groups along a cycle, first again at the end; nil when there is none.
    func cycle() -> [ValueKey]? {
        // Most batches have no groups that wait for each other.
        guard groups.contains(where: { !$0.local.isEmpty || !$0.answeredBy.isEmpty }) else { return nil }
        enum Mark { case new, open, closed }
        var marks = Array(repeating: Mark.new, count: groups.count)
        let targets = groups.indices.map { awaited(by: $0) }
        for start in groups.indices where marks[start] == .new {
            // A stack of its own: a batch may have a chain of any length.
            var path: [(group: Int, next: Int)] = [(start, 0)]
            marks[start] = .open
            while let (here, next) = path.last {
                guard next < targets[here].count else {
                    marks[here] = .closed
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let target = targets[here][next]
                switch marks[target] {
                case .closed: continue
                case .open:
                    let from = path.firstIndex { $0.group == target } ?? 0
                    return (path[from...].map(\.group) + [target]).compactMap { groups[$0].key }
                case .new:
                    marks[target] = .open
                    path.append((target, 0))
                }
            }
        }
        return nil
    }
}
