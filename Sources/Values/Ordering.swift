#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension Value {
    /// `(compare left right)`: negative, zero or positive.
    ///
    /// nil comes first; numbers by value, strings by code point, keywords and symbols by namespace then name, vectors by
    /// length then elements, false before true. Other kinds order themselves (`Object.order`) or cannot be compared: a
    /// ClassCastException that names both.
    public static func compare(_ left: Value, _ right: Value) throws(Fault) -> Int {
        switch (left, right) {
        case (.int(let a), .int(let b)): return a < b ? -1 : a > b ? 1 : 0
        case (.shortText(let a), .shortText(let b)): return order(a, b)
        case (.longText(let a), .longText(let b)): return order(a.buffer, b.buffer)
        case (.keyword(let a), .keyword(let b)): return order(a, b)
        default: return try compareSlowly(left, right)
        }
    }

    private static func compareSlowly(_ left: Value, _ right: Value) throws(Fault) -> Int {
        switch (left, right) {
        case (.nil, .nil): return 0
        case (.nil, _): return -1
        case (_, .nil): return 1
        case (.bool(let a), .bool(let b)): return a == b ? 0 : a ? 1 : -1
        case (.char(let a), .char(let b)): return a < b ? -1 : a > b ? 1 : 0
        case (.vector(let a), .vector(let b)): return try compareVectors(a, b)
        default: break
        }
        if let a = left.symbolName, let b = right.symbolName { return order(a, b) }
        if let order = ofTexts(left, right, order) { return order }
        if left.isNumber, right.isNumber { return try Numbers.compare(left, right) }
        if case .object(let object) = left, let order = try object.order(before: right) { return order }
        throw incomparable(left, right)
    }

    /// What the function `compare` returns: the order, and of names and texts how far apart they are, as in Java. That is the
    /// distance of the first code points that differ, or of the lengths when one is the start of the other.
    public static func comparison(_ left: Value, _ right: Value) throws(Fault) -> Int {
        switch (left, right) {
        case (.char(let a), .char(let b)): return Int(a) - Int(b)
        case (.vector(let a), .vector(let b)) where a.count == b.count:
            try Nesting.enter()
            defer { Nesting.leave() }
            for index in 0..<a.count {
                let order = try comparison(a[index], b[index])
                if order != 0 { return order }
            }
            return 0
        default: break
        }
        if let distance = ofTexts(left, right, distance) { return distance }
        if let a = left.comparedName, let b = right.comparedName, left.isKeyword == right.isKeyword,
            (a.namespaceBytes == nil) == (b.namespaceBytes == nil)
        {
            if let (x, y) = a.namespaceBytes.flatMap({ x in b.namespaceBytes.map { (x, $0) } }), distance(x, y) != 0 {
                return distance(x, y)
            }
            return distance(a.nameBytes, b.nameBytes)
        }
        return try compare(left, right)
    }

    @inline(__always) var isKeyword: Bool { if case .keyword = self { true } else { false } }

    private var comparedName: Name? { if case .keyword(let name) = self { name } else { symbolName } }

    private static func distance(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Int {
        let shorter = min(left.count, right.count)
        var at = 0
        while at < shorter, left[at] == right[at] { at += 1 }
        if at == shorter {
            let more = (left.count > at ? left : right)[at...].count { !isContinuation($0) }
            return left.count > at ? more : -more
        }
        while isContinuation(left[at]) { at -= 1 }
        return Int(Text.decode(left.baseAddress! + at)) - Int(Text.decode(right.baseAddress! + at))
    }

    /// Whether a byte of UTF-8 is not the first of its code point.
    private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xc0 == 0x80 }

    static func incomparable(_ left: Value, _ right: Value) -> Fault {
        .of(
            .classCast, "compare cannot order \(left.briefly) and \(right.briefly)",
            hint: "give sort a comparator, or compare values of one kind")
    }

    private static func compareVectors(_ left: Vector, _ right: Vector) throws(Fault) -> Int {
        if left === right { return 0 }
        if left.count != right.count { return left.count < right.count ? -1 : 1 }
        try Nesting.enter()
        defer { Nesting.leave() }
        for index in 0..<left.count {
            try Attention.step()
            let order = try compare(left[index], right[index])
            if order != 0 { return order }
        }
        return 0
    }

    private var isNumber: Bool {
        switch self {
        case .int, .double: true
        case .object(let object):
            switch object.kind {
            case .bigInteger, .ratio, .decimal, .float: true
            default: false
            }
        default: false
        }
    }

    /// By namespace, those without one first, then by name.
    private static func order(_ left: Name, _ right: Name) -> Int {
        if left == right { return 0 }
        switch (left.namespaceBytes, right.namespaceBytes) {
        case (nil, _?): return -1
        case (_?, nil): return 1
        case (let a?, let b?):
            let byNamespace = order(a, b)
            if byNamespace != 0 { return byNamespace }
        case (nil, nil): break
        }
        return order(left.nameBytes, right.nameBytes)
    }

    /// What `body` gives for the bytes of two texts; nil when one of the two is none.
    private static func ofTexts(
        _ left: Value, _ right: Value, _ body: (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) -> Int
    ) -> Int? {
        left.withUTF8 { left in right.withUTF8 { body(left, $0) } } ?? nil
    }

    /// No byte is zero, so a text that ends comes before all that go on.
    @inline(__always) fileprivate static func order(_ left: ShortText, _ right: ShortText) -> Int {
        let (a, b) = (left.word.byteSwapped, right.word.byteSwapped)
        return a < b ? -1 : a > b ? 1 : 0
    }

    /// The order of UTF-8 bytes is that of the code points.
    @inline(__always) fileprivate static func order(
        _ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>
    ) -> Int {
        let shorter = min(left.count, right.count)
        if shorter > 0 {
            let order = memcmp(left.baseAddress!, right.baseAddress!, shorter)
            if order != 0 { return order < 0 ? -1 : 1 }
        }
        return left.count < right.count ? -1 : left.count > right.count ? 1 : 0
    }
}

extension Value {
    /// Sorts by `compare`; equal elements keep their order. Integers, doubles and texts among themselves go fast.
    /// Nothing has changed if it throws.
    public static func sort(_ values: inout [Value]) throws(Fault) {
        if let integers = all(values, { if case .int(let int) = $0 { int } else { nil } }) {
            // Equal integers cannot be told apart, so any sort is stable.
            values = integers.sorted().map { .int($0) }
        } else if let doubles = all(values, { if case .double(let double) = $0, !double.isNaN { double } else { nil } })
        {
            values = MergeSort.sorted(doubles, order: { (a, b) throws(Never) in a < b ? -1 : a > b ? 1 : 0 }).map {
                .double($0)
            }
        } else if let texts = all(values, { if case .shortText(let text) = $0 { text } else { nil } }) {
            values = texts.sorted { order($0, $1) < 0 }.map { .shortText($0) }
        } else if let texts = all(values, \.textValue) {
            values = MergeSort.sorted(texts, order: { (a, b) throws(Never) in order(a.buffer, b.buffer) }).map {
                .text($0)
            }
        } else {
            values = try MergeSort.sorted(values, order: compare)
        }
    }

    /// Sorts by `order` (negative, zero or positive); equal elements keep their order. Nothing has changed if it throws.
    public static func sort(
        _ values: inout [Value], order: (Value, Value) throws(Fault) -> Int
    ) throws(Fault) {
        values = try MergeSort.sorted(values, order: order)
    }

    private static func all<Word>(_ values: [Value], _ word: (Value) -> Word?) -> [Word]? {
        guard let first = values.first, word(first) != nil else { return nil }
        var words: [Word] = []
        words.reserveCapacity(values.count)
        for value in values {
            guard let word = word(value) else { return nil }
            words.append(word)
        }
        return words
    }
}

/// A stable merge sort for orders that can fail: short runs by insertion, then merged bottom-up between two arrays.
///
/// An order that contradicts itself gives some permutation; it cannot do harm.
private enum MergeSort {
    private static let run = 12

    static func sorted<Element, Failure: Error>(
        _ elements: [Element], order: (Element, Element) throws(Failure) -> Int
    ) throws(Failure) -> [Element] {
        var from = elements
        for start in stride(from: 0, to: from.count, by: run) {
            try insertionSort(&from, start, min(start + run, from.count), order)
        }
        var to = from
        var width = run
        while width < from.count {
            for start in stride(from: 0, to: from.count, by: 2 * width) {
                try merge(from, start, min(start + width, from.count), min(start + 2 * width, from.count), &to, order)
            }
            swap(&from, &to)
            width *= 2
        }
        return from
    }

    private static func insertionSort<Element, Failure: Error>(
        _ elements: inout [Element], _ start: Int, _ end: Int, _ order: (Element, Element) throws(Failure) -> Int
    ) throws(Failure) {
        for next in start + 1..<max(end, start + 1) {
            var at = next
            while at > start, try order(elements[at - 1], elements[at]) > 0 {
                elements.swapAt(at - 1, at)
                at -= 1
            }
        }
    }

    private static func merge<Element, Failure: Error>(
        _ from: [Element], _ start: Int, _ middle: Int, _ end: Int, _ to: inout [Element],
        _ order: (Element, Element) throws(Failure) -> Int
    ) throws(Failure) {
        var (left, right) = (start, middle)
        for at in start..<end {
            let takesLeft = left < middle ? right < end ? try order(from[left], from[right]) <= 0 : true : false
            if takesLeft {
                to[at] = from[left]
                left += 1
            } else {
                to[at] = from[right]
                right += 1
            }
        }
    }
}
