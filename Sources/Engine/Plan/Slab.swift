/// Numbered places that are never copied as a whole: what the machine's tables are made of.
///
/// Not an `Array`, which asks at each change of a field whether somebody shares it: there are a hundred to an effect.
struct Slab<Element>: ~Copyable {
    private var base: UnsafeMutablePointer<Element>
    private(set) var count = 0
    private var room: Int

    init() {
        room = 16
        base = .allocate(capacity: room)
    }

    deinit {
        base.deinitialize(count: count)
        base.deallocate()
    }

    subscript(place: Int) -> Element {
        @inline(__always) _read {
            precondition(place >= 0 && place < count)
            yield base[place]
        }
        @inline(__always) _modify {
            precondition(place >= 0 && place < count)
            yield &base[place]
        }
    }

    var indices: Range<Int> { 0..<count }

    mutating func append(_ element: consuming Element) {
        if count == room { reserve(2 * room) }
        (base + count).initialize(to: element)
        count += 1
    }

    /// Makes room for so many places in all.
    mutating func reserve(_ places: Int) {
        guard places > room else { return }
        let grown = UnsafeMutablePointer<Element>.allocate(capacity: places)
        grown.moveInitialize(from: base, count: count)
        base.deallocate()
        (base, room) = (grown, places)
    }
}

extension Slab: @unchecked Sendable where Element: Sendable {}
