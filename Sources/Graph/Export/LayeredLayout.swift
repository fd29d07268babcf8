/// Places boxes in ranks from left to right: ranks by the longest path, order within a rank by barycentres, long arrows
/// through points of their own between the boxes. Parts that nothing connects are laid out apart and packed in rows.
///
/// Units are pixels. The same input gives the same picture.
struct LayeredLayout {
    struct Size: Sendable {
        var width: Double
        var height: Double
    }

    struct Point: Equatable, Sendable {
        var x: Double
        var y: Double
    }

    /// The top left corner of each box.
    private(set) var corners: [Point]
    /// The points each arrow runs through, from its start to its end.
    private(set) var routes: [[Point]]
    private(set) var size = Size(width: 0, height: 0)

    private let boxes: [Size]
    private let arrows: [(from: Int, to: Int)]

    private static let rankGap = 70.0
    private static let boxGap = 18.0
    private static let partGap = 36.0
    /// Rows of parts are broken near this width.
    private static let rowWidth = 1500.0
    private static let sweeps = 12

    init(boxes: [Size], arrows: [(from: Int, to: Int)]) {
        self.boxes = boxes
        self.arrows = arrows
        corners = Array(repeating: Point(x: 0, y: 0), count: boxes.count)
        routes = Array(repeating: [], count: arrows.count)
        var row = (x: 0.0, y: 0.0, height: 0.0)
        for part in parts() {
            var layered = Part(part, boxes, arrows)
            layered.run()
            if row.x > 0, row.x + layered.size.width > LayeredLayout.rowWidth {
                row = (0, row.y + row.height + LayeredLayout.partGap, 0)
            }
            place(layered, at: Point(x: row.x, y: row.y))
            row.x += layered.size.width + LayeredLayout.partGap
            row.height = max(row.height, layered.size.height)
        }
    }

    private mutating func place(_ part: Part, at origin: Point) {
        for node in part.nodes where node.box >= 0 {
            corners[node.box] = Point(x: origin.x + node.x, y: origin.y + node.centre - node.height / 2)
        }
        for (arrow, route) in part.routes {
            routes[arrow] = route.map { Point(x: $0.x + origin.x, y: $0.y + origin.y) }
        }
        size.width = max(size.width, origin.x + part.size.width)
        size.height = max(size.height, origin.y + part.size.height)
    }

    /// Connected boxes, each part in ascending order; larger parts first, so that rows fill.
    private func parts() -> [[Int]] {
        var parent = Array(boxes.indices)
        func root(_ box: Int) -> Int {
            var box = box
            while parent[box] != box {
                parent[box] = parent[parent[box]]
                box = parent[box]
            }
            return box
        }
        for arrow in arrows {
            let (a, b) = (root(arrow.from), root(arrow.to))
            if a != b { parent[max(a, b)] = min(a, b) }
        }
        var members: [Int: [Int]] = [:]
        for box in boxes.indices { members[root(box), default: []].append(box) }
        return members.values.sorted { ($1.count, $0[0]) < ($0.count, $1[0]) }
    }
}

extension LayeredLayout {
    /// One connected part.
    private struct Part {
        /// A box, or a point of a long arrow (`box` is -1).
        struct Node {
            var box: Int
            var rank: Int
            var width: Double
            var height: Double
            var x = 0.0
            var centre = 0.0
        }

        var nodes: [Node] = []
        private(set) var routes: [(arrow: Int, points: [Point])] = []
        private(set) var size = Size(width: 0, height: 0)

        private let arrows: [(id: Int, from: Int, to: Int)]
        /// Neighbours in the rank before and after.
        private var before: [[Int]] = []
        private var after: [[Int]] = []
        private var ranks: [[Int]] = []
        /// The nodes along each arrow, in ascending ranks, and whether that is against its direction.
        private var chains: [(arrow: Int, nodes: [Int], isReversed: Bool)] = []

        init(_ members: [Int], _ boxes: [Size], _ all: [(from: Int, to: Int)]) {
            var local: [Int: Int] = [:]
            for (index, box) in members.enumerated() {
                local[box] = index
                nodes.append(Node(box: box, rank: 0, width: boxes[box].width, height: boxes[box].height))
            }
            arrows = all.enumerated().compactMap { id, arrow in
                guard let from = local[arrow.from], let to = local[arrow.to] else { return nil }
                return (id, from, to)
            }
        }

        mutating func run() {
            let backward = backwardArrows()
            assignRanks(backward)
            splitLongArrows(backward)
            orderRanks()
            placeX()
            placeY()
            route()
        }

        /// Arrows that close a circle: they are ranked the other way round.
        private func backwardArrows() -> Set<Int> {
            var outgoing: [[(arrow: Int, to: Int)]] = Array(repeating: [], count: nodes.count)
            var incoming = Array(repeating: 0, count: nodes.count)
            for (index, arrow) in arrows.enumerated() where arrow.from != arrow.to {
                outgoing[arrow.from].append((index, arrow.to))
                incoming[arrow.to] += 1
            }
            var state = Array(repeating: 0, count: nodes.count)
            var backward: Set<Int> = []
            // From the sources first, so that circles are cut where messages come in.
            let starts = nodes.indices.filter { incoming[$0] == 0 } + nodes.indices.filter { incoming[$0] > 0 }
            for start in starts where state[start] == 0 {
                var path = [(node: start, next: 0)]
                state[start] = 1
                while let (node, next) = path.last {
                    guard next < outgoing[node].count else {
                        state[node] = 2
                        path.removeLast()
                        continue
                    }
                    path[path.count - 1].next += 1
                    let (arrow, target) = outgoing[node][next]
                    if state[target] == 1 {
                        backward.insert(arrow)
                    } else if state[target] == 0 {
                        state[target] = 1
                        path.append((target, 0))
                    }
                }
            }
            return backward
        }

        private func ends(_ index: Int, _ backward: Set<Int>) -> (low: Int, high: Int) {
            let arrow = arrows[index]
            return backward.contains(index) ? (arrow.to, arrow.from) : (arrow.from, arrow.to)
        }

        /// Longest paths from the sources; then sources move next to what they feed.
        private mutating func assignRanks(_ backward: Set<Int>) {
            var outgoing: [[Int]] = Array(repeating: [], count: nodes.count)
            var missing = Array(repeating: 0, count: nodes.count)
            for index in arrows.indices where arrows[index].from != arrows[index].to {
                let (low, high) = ends(index, backward)
                outgoing[low].append(high)
                missing[high] += 1
            }
            let isSource = missing.map { $0 == 0 }
            var ready = nodes.indices.filter { isSource[$0] }
            var next = 0
            while next < ready.count {
                let node = ready[next]
                next += 1
                for target in outgoing[node] {
                    nodes[target].rank = max(nodes[target].rank, nodes[node].rank + 1)
                    missing[target] -= 1
                    if missing[target] == 0 { ready.append(target) }
                }
            }
            for node in nodes.indices where isSource[node] {
                if let nearest = outgoing[node].map({ nodes[$0].rank }).min() { nodes[node].rank = nearest - 1 }
            }
        }

        /// Gives every rank that an arrow crosses a point for it to pass.
        private mutating func splitLongArrows(_ backward: Set<Int>) {
            before = Array(repeating: [], count: nodes.count)
            after = before
            for index in arrows.indices where arrows[index].from != arrows[index].to {
                let (low, high) = ends(index, backward)
                var chain = [low]
                for rank in stride(from: nodes[low].rank + 1, to: nodes[high].rank, by: 1) {
                    nodes.append(Node(box: -1, rank: rank, width: 0, height: 6))
                    before.append([])
                    after.append([])
                    chain.append(nodes.count - 1)
                }
                chain.append(high)
                for (left, right) in zip(chain, chain.dropFirst()) {
                    after[left].append(right)
                    before[right].append(left)
                }
                chains.append((arrows[index].id, chain, backward.contains(index)))
            }
            ranks = Array(repeating: [], count: (nodes.map(\.rank).max() ?? 0) + 1)
            for node in nodes.indices { ranks[nodes[node].rank].append(node) }
        }

        /// Sweeps to and fro; each rank is sorted by where its neighbours stand, and the order with the fewest
        /// crossings kept.
        private mutating func orderRanks() {
            var best = ranks
            var fewest = crossings()
            for sweep in 0..<LayeredLayout.sweeps where fewest > 0 {
                let isForward = sweep % 2 == 0
                let order = isForward ? Array(ranks.indices.dropFirst()) : Array(ranks.indices.dropLast().reversed())
                for rank in order {
                    let fixed = ranks[isForward ? rank - 1 : rank + 1]
                    var position: [Int: Int] = [:]
                    for (index, node) in fixed.enumerated() { position[node] = index }
                    let weights = ranks[rank].enumerated().map { index, node in
                        let near = (isForward ? before[node] : after[node]).compactMap { position[$0] }
                        let mean = near.isEmpty ? Double(index) : Double(near.reduce(0, +)) / Double(near.count)
                        return (node, mean, index)
                    }
                    ranks[rank] = weights.sorted { ($0.1, $0.2) < ($1.1, $1.2) }.map(\.0)
                }
                let found = crossings()
                if found < fewest { (best, fewest) = (ranks, found) }
            }
            ranks = best
        }

        /// Pairs of arrows between neighbouring ranks that cross: inversions, counted by insertion into a sorted list.
        private func crossings() -> Int {
            var total = 0
            for rank in ranks.indices.dropLast() {
                var position: [Int: Int] = [:]
                for (index, node) in ranks[rank + 1].enumerated() { position[node] = index }
                var seen: [Int] = []
                for node in ranks[rank] {
                    for target in after[node].compactMap({ position[$0] }).sorted() {
                        var low = 0
                        var high = seen.count
                        while low < high {
                            let middle = (low + high) / 2
                            if seen[middle] <= target { low = middle + 1 } else { high = middle }
                        }
                        total += seen.count - low
                        seen.insert(target, at: low)
                    }
                }
            }
            return total
        }

        private mutating func placeX() {
            var x = 0.0
            for rank in ranks {
                let width = rank.map { nodes[$0].width }.max() ?? 0
                for node in rank {
                    nodes[node].x = x + (nodes[node].box < 0 ? width / 2 : (width - nodes[node].width) / 2)
                }
                x += width + LayeredLayout.rankGap
            }
            size.width = x - LayeredLayout.rankGap
        }

        /// Stacks each rank, then lets it settle near its neighbours without changing the order.
        private mutating func placeY() {
            for rank in ranks { stack(rank, Array(repeating: 0, count: rank.count)) }
            for pass in 0..<10 {
                let order = pass % 2 == 0 ? Array(ranks.indices) : ranks.indices.reversed()
                for rank in order {
                    stack(ranks[rank], ranks[rank].map { wish(of: $0) })
                }
            }
            let top = nodes.map { $0.centre - $0.height / 2 }.min() ?? 0
            for node in nodes.indices { nodes[node].centre -= top }
            size.height = nodes.map { $0.centre + $0.height / 2 }.max() ?? 0
        }

        private func wish(of node: Int) -> Double {
            let near = before[node] + after[node]
            return near.isEmpty ? nodes[node].centre : near.map { nodes[$0].centre }.reduce(0, +) / Double(near.count)
        }

        /// Puts a rank's nodes as near to their wishes as their order and sizes allow: pushed down past one another,
        /// then moved together by the mean of what was missed.
        private mutating func stack(_ rank: [Int], _ wishes: [Double]) {
            var placed: [Double] = []
            var bottom = -Double.infinity
            for (node, wanted) in zip(rank, wishes) {
                let centre = max(wanted, bottom + nodes[node].height / 2)
                placed.append(centre)
                bottom = centre + nodes[node].height / 2 + LayeredLayout.boxGap
            }
            // Each run of nodes that touch moves by its own mean.
            var start = 0
            var floor = -Double.infinity
            while start < rank.count {
                var end = start + 1
                while end < rank.count, touches(rank[end - 1], placed[end - 1], rank[end], placed[end]) { end += 1 }
                let run = start..<end
                let missed = run.reduce(0) { $0 + wishes[$1] - placed[$1] } / Double(run.count)
                let top = placed[start] + missed - nodes[rank[start]].height / 2
                let shift = missed + max(0, floor - top)
                for index in run { nodes[rank[index]].centre = placed[index] + shift }
                floor = nodes[rank[end - 1]].centre + nodes[rank[end - 1]].height / 2 + LayeredLayout.boxGap
                start = end
            }
        }

        private func touches(_ upper: Int, _ upperCentre: Double, _ lower: Int, _ lowerCentre: Double) -> Bool {
            lowerCentre - upperCentre - (nodes[upper].height + nodes[lower].height) / 2 - LayeredLayout.boxGap < 0.5
        }

        private mutating func route() {
            for (arrow, chain, isReversed) in chains {
                var points: [Point] = []
                for (index, node) in chain.enumerated() {
                    let it = nodes[node]
                    if it.box < 0 {
                        points.append(Point(x: it.x, y: it.centre))
                    } else {
                        points.append(Point(x: index == 0 ? it.x + it.width : it.x, y: it.centre))
                    }
                }
                routes.append((arrow, isReversed ? points.reversed() : points))
            }
            // An arrow from a box to itself: a small loop over its top.
            for arrow in arrows where arrow.from == arrow.to {
                let it = nodes[arrow.from]
                let top = it.centre - it.height / 2
                routes.append(
                    (arrow.id, [Point(x: it.x + it.width * 0.35, y: top), Point(x: it.x + it.width * 0.65, y: top)]))
            }
        }
    }
}
