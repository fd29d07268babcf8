/// A queue over an array. What was taken is dropped in bulk, so an element may outlive its being taken.
package struct Fifo<Element: Sendable>: Sendable {
    private var items: [Element] = []
    private var head = 0

    package init() {}

    package var count: Int { items.count - head }
    package var isEmpty: Bool { count == 0 }
    package var first: Element? { head < items.count ? items[head] : nil }
    package var last: Element? { isEmpty ? nil : items.last }
    /// In the order they were added.
    package var elements: ArraySlice<Element> { items[head...] }

    package mutating func append(_ element: Element) { items.append(element) }

    package mutating func popFirst() -> Element? {
        guard head < items.count else { return nil }
        let element = items[head]
        head += 1
        if head == items.count {
            items.empty()
            head = 0
        } else if head > 1024, head * 2 > items.count {
            items.removeFirst(head)
            head = 0
        }
        return element
    }
}

extension Array {
    /// Removes what is there, and keeps the room of a usual step but not that of a large batch.
    ///
    /// One by one, for there are mostly one or two: `removeAll(keepingCapacity:)` asks the runtime how to destroy them, which
    /// takes longer.
    mutating func empty() {
        if capacity > 64 { self = [] } else { while popLast() != nil {} }
    }
}
