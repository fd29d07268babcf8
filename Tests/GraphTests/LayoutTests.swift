import Testing

@testable import Graph

/// The drawing's layout: properties that make it readable (G4).
struct LayoutTests {
    private typealias Arrow = (from: Int, to: Int)

    private func layout(_ count: Int, _ arrows: [(Int, Int)]) -> LayeredLayout {
        LayeredLayout(
            boxes: (0..<count).map { LayeredLayout.Size(width: 100 + Double($0 % 5) * 20, height: 42) },
            arrows: arrows.map { (from: $0.0, to: $0.1) })
    }

    private func overlaps(_ layout: LayeredLayout, _ count: Int) -> Int {
        var found = 0
        for a in 0..<count {
            for b in (a + 1)..<max(a + 1, count) {
                let (p, q) = (layout.corners[a], layout.corners[b])
                let (wide, other) = (100 + Double(a % 5) * 20, 100 + Double(b % 5) * 20)
                if p.x < q.x + other, q.x < p.x + wide, p.y < q.y + 42, q.y < p.y + 42 { found += 1 }
            }
        }
        return found
    }

    @Test func arrowsRunFromLeftToRight() {
        let arrows = [(0, 1), (1, 2), (0, 2), (2, 3)]
        let layout = layout(4, arrows)
        for (from, to) in arrows { #expect(layout.corners[from].x < layout.corners[to].x) }
        // The long one passes a point of its own in the rank between.
        #expect(layout.routes.map(\.count) == [2, 2, 3, 2])
    }

    @Test func aCircleIsDrawnAgainstTheStream() throws {
        let layout = layout(3, [(0, 1), (1, 2), (2, 1), (1, 1)])
        #expect(layout.corners[1].x < layout.corners[2].x)
        let back = layout.routes[2]
        #expect(try #require(back.first).x > (try #require(back.last)).x)
        #expect(layout.routes[3].count == 2)
    }

    /// Two crossing pairs are untangled.
    @Test func crossingsAreUntangled() {
        let layout = layout(4, [(0, 3), (1, 2)])
        let left = layout.corners[0].y < layout.corners[1].y
        let right = layout.corners[3].y < layout.corners[2].y
        #expect(left == right)
        let joined = self.layout(6, [(0, 5), (1, 4), (2, 3), (0, 4), (1, 3)])
        let order = [0, 1, 2].sorted { joined.corners[$0].y < joined.corners[$1].y }
        let targets = [5, 4, 3].sorted { joined.corners[$0].y < joined.corners[$1].y }
        #expect(order.map { 5 - $0 } == targets)
    }

    /// Two hundred boxes: nothing overlaps, nothing leaves the picture, and it is done at once.
    @Test(arguments: [1, 2, 3]) func twoHundredBoxesStayApart(_ seed: UInt64) {
        var state = seed &* 0x9e37_79b9_7f4a_7c15
        func random(_ below: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % below
        }
        var arrows: [(Int, Int)] = []
        for box in 0..<200 where box % 10 != 0 {
            arrows.append((box - 1 - random(min(box % 10, 3)), box))
            if random(4) == 0 { arrows.append((box, random(200))) }
        }
        let clock = ContinuousClock()
        var layout = layout(0, [])
        let taken = clock.measure { layout = self.layout(200, arrows) }
        #expect(overlaps(layout, 200) == 0)
        for corner in layout.corners {
            #expect(corner.x >= 0 && corner.y >= -0.001)
            #expect(corner.x + 100 <= layout.size.width && corner.y + 42 <= layout.size.height + 0.001)
        }
        #expect(taken < .seconds(10))
    }

    @Test func theSameGraphGivesTheSamePicture() {
        let arrows = (0..<60).map { ($0, ($0 * 7 + 3) % 60) }
        #expect(layout(60, arrows).corners == layout(60, arrows).corners)
    }
}
