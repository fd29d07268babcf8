import CThread

/// An insertion-ordered hash table of keys, each with a value beside it (maps) or without (sets).
///
/// The entries stand in a persistent array in the order they were added; up to 8 (16 when all keys are keywords, which are
/// compared by identity) are found by a linear scan, more through a persistent index. (A map of so few has no table, unless it had
/// more: see `MapNode`.) So the order of iteration is the order of insertion at every size and depends on nothing else, neither on
/// hashes nor on whether a change happened in place. An entry that is removed leaves a vacancy, and when vacancies outnumber
/// entries the table is rebuilt without them.
///
/// Keys that count up from 0 in the order they are added need no index: the key says its slot. Such a run at the beginning of
/// a table that has outgrown scanning is left out of the index for as long as it goes on, which makes a map from 0, 1, 2 … as
/// cheap to build and to read as a vector.
///
/// A method that changes the table does all that can throw (hashing, comparing) before it changes anything.
struct KeyTable: ~Copyable {
    /// More slots than this are indexed.
    static let scanned = 8
    /// More slots than this are indexed when all keys are keywords.
    static let scannedKeywords = 16

    private(set) var slots = ValueTrie()
    private var index = KeyIndex()
    /// Entries, vacancies not counted.
    private(set) var count = 0
    /// No slot before this one is occupied.
    private var firstOccupied = 0
    /// Slots before this one hold the integer that is their number, or are vacant; they are not in the index.
    private var runEnd = 0
    /// log2 of the values a slot takes: 1 with a value beside the key, 0 without.
    private let width: Int

    /// A table of the entries of a small map.
    static func map(copying entries: UnsafeMutablePointer<Value>, _ count: Int) -> KeyTable {
        var slots = ValueTrie()
        slots.append(contentsOf: UnsafeBufferPointer(start: entries, count: 2 * count))
        return KeyTable(slots, KeyIndex(), count: count, width: 1)
    }

    static func set() -> KeyTable { KeyTable(width: 0) }

    private init(width: Int) { self.width = width }

    private init(_ slots: consuming ValueTrie, _ index: consuming KeyIndex, count: Int, width: Int) {
        self.slots = slots
        self.index = index
        self.count = count
        self.width = width
    }

    private init(forking other: borrowing KeyTable) {
        slots = other.slots.fork()
        index = other.index.fork()
        count = other.count
        firstOccupied = other.firstOccupied
        runEnd = other.runEnd
        width = other.width
    }

    /// Another table over the same nodes.
    func fork() -> KeyTable { KeyTable(forking: self) }

    /// Where a key stands, or would be added, with what was learnt on the way.
    struct Place {
        /// The slot, or -1 when the key is absent.
        let slot: Int
        let hash: UInt32
    }

    // MARK: reading

    /// Slots, vacant ones too.
    @inline(__always) private var slotCount: Int { slots.count &>> width }

    /// The key in a slot, and its value behind it; valid while the table is held unchanged.
    @inline(__always) func entry(_ slot: Int) -> UnsafePointer<Value> {
        let at = slot &<< width
        return UnsafePointer(slots.leaf(holding: at) + (at & 31))
    }

    /// The first occupied slot at or after `slot`; nil at the end.
    @inline(__always) func occupied(from slot: Int) -> Int? {
        var at = max(slot, firstOccupied)
        while at < slotCount {
            if !entry(at).pointee.isVacancy { return at }
            at += 1
        }
        return nil
    }

    /// Whether the table is small enough to be looked through.
    @inline(__always) private var isScanned: Bool { index.root == nil && runEnd == 0 }

    @inline(__always) func find(_ key: Value) throws(Fault) -> Int {
        if isScanned { return try scan(key) }
        if let word = KeyWord(key) { return find(word) }
        if let slot = slotInRun(key) { return slot }
        if index.root == nil { return -1 }
        return try find(key, hash: key.keyHash())
    }

    /// The entry of a key, or nil when it is absent.
    @inline(__always) func entry(of word: KeyWord) -> UnsafePointer<Value>? {
        if index.root == nil {
            let slot = runEnd == 0 ? scan(word) : -1
            return slot < 0 ? nil : entry(slot)
        }
        var probe = index.probe(word.hash)
        while let slot = probe.next() {
            let entry = entry(slot)
            if word.stands(at: entry) {
                sluice_thread().pointee.found_slot = Int64(slot)
                return entry
            }
        }
        return nil
    }

    @inline(__always) private func find(_ word: KeyWord) -> Int {
        index.root == nil ? runEnd == 0 ? scan(word) : -1 : find(word, hash: word.hash)
    }

    /// The slot of a key, or -1; for who has often just looked at it.
    @inline(__always) func findAgain(_ word: KeyWord) -> Int {
        if index.root == nil { return runEnd == 0 ? scan(word) : -1 }
        return slotFoundBefore(word) ?? find(word, hash: word.hash)
    }

    @inline(__always) private func find(_ word: KeyWord, hash: UInt32) -> Int {
        var probe = index.probe(hash)
        while let slot = probe.next() {
            if word.stands(at: entry(slot)) {
                sluice_thread().pointee.found_slot = Int64(slot)
                return slot
            }
        }
        return -1
    }

    /// The slot of a key within the run at the beginning, or nil when it is not there.
    @inline(__always) private func slotInRun(_ key: Value) -> Int? {
        switch key {
        case .int(let int): return slotInRun(int)
        case .object(let object) where runEnd > 0:
            // An integer that was once too large for a word equals one that never was.
            guard let small = (object as? BigInteger)?.value.int64 else { return nil }
            return slotInRun(small)
        default: return nil
        }
    }

    @inline(__always) func slotInRun(_ number: Int64) -> Int? {
        guard UInt64(bitPattern: number) < UInt64(bitPattern: Int64(runEnd)) else { return nil }
        let slot = Int(number)
        return entry(slot).pointee.isVacancy ? nil : slot
    }

    @inline(__always) private func find(_ key: Value, hash: UInt32) throws(Fault) -> Int {
        var probe = index.probe(hash)
        while let slot = probe.next() {
            if try Value.isSameKey(key, at: entry(slot)) {
                sluice_thread().pointee.found_slot = Int64(slot)
                return slot
            }
        }
        return -1
    }

    /// The slot where a key was found last in whatever table, if that is where this one has `key`: who changes an entry has
    /// often just looked at it.
    @inline(__always) private func slotFoundBefore(_ word: KeyWord) -> Int? {
        let slot = Int(sluice_thread().pointee.found_slot)
        return slot < slotCount && word.stands(at: entry(slot)) ? slot : nil
    }

    @inline(__always) private func slotFoundBefore(_ key: Value) throws(Fault) -> Int? {
        let slot = Int(sluice_thread().pointee.found_slot)
        guard slot < slotCount else { return nil }
        return try Value.isSameKey(key, at: entry(slot)) ? slot : nil
    }

    /// A small table lies in one leaf.
    @inline(__always) private func scan(_ word: KeyWord) -> Int {
        KeyTable.scan(word, slots.tail.values, slots.count, step: 1 &<< width) &>> width
    }

    private func scan(_ key: Value) throws(Fault) -> Int {
        try KeyTable.scan(key, slots.tail.values, slots.count, step: 1 &<< width) &>> width
    }

    /// Where a key stands among `count` values of which every `step`th is one, from the first on; -1 when it does not.
    @inline(__always) static func scan(
        _ word: KeyWord, _ values: UnsafePointer<Value>, _ count: Int, step: Int
    ) -> Int {
        var at = 0
        while at < count {
            if word.stands(at: values + at) { return at }
            at &+= step
        }
        return -1
    }

    static func scan(_ key: Value, _ values: UnsafePointer<Value>, _ count: Int, step: Int) throws(Fault) -> Int {
        if let word = KeyWord(key) { return scan(word, values, count, step: step) }
        var at = 0
        while at < count {
            if try Value.isSameKey(key, at: values + at) { return at }
            at &+= step
        }
        return -1
    }

    /// Where `key` stands or would go; `grow` may follow.
    @inline(__always) func place(_ key: Value) throws(Fault) -> Place {
        if isScanned {
            let slot = try scan(key)
            // The hash is needed only to add to an index.
            return Place(slot: slot, hash: slot < 0 && count >= KeyTable.scanned ? try key.keyHash() : 0)
        }
        if let word = KeyWord(key) { return place(word) }
        if let slot = slotInRun(key) { return Place(slot: slot, hash: 0) }
        if prolongsRun(key) { return Place(slot: -1, hash: 0) }
        if let slot = try slotFoundBefore(key) { return Place(slot: slot, hash: 0) }
        let hash = try key.keyHash()
        return Place(slot: index.root == nil ? -1 : try find(key, hash: hash), hash: hash)
    }

    @inline(__always) private func place(_ word: KeyWord) -> Place {
        if let slot = slotFoundBefore(word) { return Place(slot: slot, hash: 0) }
        let hash = word.hash
        return Place(slot: index.root == nil ? -1 : find(word, hash: hash), hash: hash)
    }

    /// Whether the key, added now, would be the next of the run that the whole table is so far.
    @inline(__always) private func prolongsRun(_ key: Value) -> Bool {
        guard case .int(let int) = key else { return false }
        return int == Int64(runEnd) && runEnd == slotCount && runEnd > 0
    }

    // MARK: changing

    /// What adding one more entry needs beforehand, when the table is about to outgrow scanning: the index of what is there,
    /// unless it is a run.
    @inline(__always) func indexForGrowth(_ key: Value) throws(Fault) -> KeyIndex? {
        guard isScanned, count >= KeyTable.scanned else { return nil }
        return count < KeyTable.scannedKeywords && key.isKeyword
            && KeyTable.hasOnlyKeywords(slots.tail.values, count, width)
            ? nil : try indexed()
    }

    /// Whether the keys of the first `count` entries, of `1 << width` values each, are all keywords.
    static func hasOnlyKeywords(
        _ values: UnsafeMutablePointer<Value>, _ count: Int, _ width: Int
    ) -> Bool {
        for slot in 0..<count where Value.tag(values + (slot &<< width)) != Value.Tag.keyword { return false }
        return true
    }

    private func indexed() throws(Fault) -> KeyIndex? {
        let isRun = (0..<slotCount).allSatisfy { slot in
            if case .int(Int64(slot)) = entry(slot).pointee { true } else { false }
        }
        if isRun { return nil }
        var made = KeyIndex()
        for slot in 0..<slotCount { made.insert(slot, hash: try entry(slot).pointee.keyHash()) }
        return made
    }

    /// Adds a key that is absent; `place` and `index` come from `place` and `indexForGrowth` on this same table.
    @inline(__always) mutating func append(
        _ key: Value, _ value: consuming Value, _ place: Place, _ built: consuming KeyIndex?
    ) {
        // Without an index, what outgrows scanning is a run, unless it is all keywords.
        if let built {
            index = built
        } else if isScanned, count == KeyTable.scanned, !entry(0).pointee.isKeyword {
            runEnd = count
        }
        let slot = slotCount
        let isNextOfRun = prolongsRun(key)
        slots.append(key)
        if width == 1 { slots.append(value) }
        count &+= 1
        if isNextOfRun { runEnd &+= 1 } else if !isScanned { index.insert(slot, hash: place.hash) }
    }

    /// The table of the `taken` entries at `entries`, each of `1 << width` values, which are uninitialised afterwards. Nil when
    /// two keys are equal; then, and when it throws, nothing was taken.
    static func taking(_ entries: UnsafeMutablePointer<Value>, _ taken: Int, width: Int) throws(Fault) -> KeyTable? {
        var index = KeyIndex()
        if let areDistinct = try areDistinct(entries, taken, width: width) {
            guard areDistinct else { return nil }
        } else {
            guard let made = try uniqueIndex(entries, taken, width) else { return nil }
            index = made
        }
        return KeyTable(ValueTrie(taking: entries, count: taken &<< width), index, count: taken, width: width)
    }

    /// Of entries that are so few that they are looked through: whether no two keys are equal. Nil of more.
    @inline(__always) static func areDistinct(
        _ entries: UnsafeMutablePointer<Value>, _ count: Int, width: Int
    ) throws(Fault) -> Bool? {
        if count <= scannedKeywords, hasOnlyKeywords(entries, count, width) {
            return areDistinctKeywords(entries, count, width)
        }
        guard count <= scanned else { return nil }
        for slot in 0..<count {
            for other in 0..<slot where try Value.areSameKey(entries[slot &<< width], entries[other &<< width]) {
                return false
            }
        }
        return true
    }

    private static func areDistinctKeywords(_ entries: UnsafeMutablePointer<Value>, _ count: Int, _ width: Int) -> Bool
    {
        // One bit of each hash tells most of them apart.
        var seen: UInt64 = 0
        for slot in 0..<count {
            guard case .keyword(let name) = entries[slot &<< width] else { return false }
            let bit = 1 &<< UInt64(name.textHash &>> 26)
            if seen & bit != 0 {
                for other in 0..<slot {
                    if case .keyword(name) = entries[other &<< width] { return false }
                }
            }
            seen |= bit
        }
        return true
    }

    /// The index of these keys; nil when two are equal.
    private static func uniqueIndex(
        _ entries: UnsafeMutablePointer<Value>, _ count: Int, _ width: Int
    ) throws(Fault) -> KeyIndex? {
        var made = KeyIndex()
        for slot in 0..<count {
            let hash = try entries[slot &<< width].keyHash()
            if slot > 0 {
                var probe = made.probe(hash)
                while let other = probe.next() {
                    if try Value.areSameKey(entries[slot &<< width], entries[other &<< width]) { return nil }
                }
            }
            made.insert(slot, hash: hash)
        }
        return made
    }

    /// Replaces the value in an occupied slot.
    @inline(__always) mutating func replaceValue(_ slot: Int, with value: consuming Value) {
        slots.replace(at: (slot &<< width) &+ 1, with: value)
    }

    /// Empties an occupied slot.
    mutating func remove(_ slot: Int) {
        if count == 1 {
            self = KeyTable(width: width)
            return
        }
        if isScanned {
            removeScanned(slot)
            return
        }
        let at = slot << width
        slots.replace(at: at, with: .vacancy)
        if width == 1 { slots.replace(at: at + 1, with: .nil) }
        count -= 1
        if slot == firstOccupied { firstOccupied = occupied(from: slot + 1) ?? slotCount }
        if slotCount - count > count + KeyTable.scanned { compact() }
    }

    private mutating func removeScanned(_ slot: Int) {
        var kept = ValueTrie()
        for other in 0..<slotCount where other != slot {
            kept.append(contentsOf: UnsafeBufferPointer(start: entry(other), count: 1 << width))
        }
        slots = kept
        count -= 1
    }

    /// Rebuilds without the vacancies. The hashes are those of the old index and of small integers, so nothing can throw.
    private mutating func compact() {
        var hashes = [UInt32](unsafeUninitializedCapacity: slotCount) { hashes, used in
            for slot in 0..<runEnd { hashes.initializeElement(at: slot, to: Hashing.int(Int64(slot))) }
            hashes[runEnd...].initialize(repeating: 0)
            used = slotCount
        }
        index.forEachCell { slot, hash in hashes[slot] = hash }
        var kept = ValueTrie()
        var keptIndex = KeyIndex()
        let needsIndex = count > KeyTable.scanned
        var next = occupied(from: 0)
        while let slot = next {
            if needsIndex { keptIndex.insert(kept.count >> width, hash: hashes[slot]) }
            kept.append(contentsOf: UnsafeBufferPointer(start: entry(slot), count: 1 << width))
            next = occupied(from: slot + 1)
        }
        slots = kept
        index = keptIndex
        firstOccupied = 0
        runEnd = 0
    }
}

extension Value {
    /// Stands where an entry was removed: no code point, so that nothing equals it and copying it costs nothing.
    static var vacancy: Value { .char(UInt32.max) }

    @inline(__always) var isVacancy: Bool {
        if case .char(UInt32.max) = self { true } else { false }
    }

    /// Whether two keys are one: identical, or equal. `##NaN` is found by identity alone, which a word does not have.
    @inline(__always) static func areSameKey(_ key: Value, _ held: Value) throws(Fault) -> Bool {
        switch (key, held) {
        case (.int(let a), .int(let b)): a == b
        case (.keyword(let a), .keyword(let b)): a == b
        case (.shortText(let a), .shortText(let b)): a == b
        case (.longText(let a), .longText(let b)): a == b
        default: try key.equals(held)
        }
    }

    /// The same for a key in its slot; a text there, which most keys are that are objects, is not retained for it.
    @inline(__always) static func isSameKey(_ key: Value, at slot: UnsafePointer<Value>) throws(Fault) -> Bool {
        switch key {
        case .shortText(let short): borrowedShortText(slot) == short
        case .longText(let text): borrowedLongText(slot).map { text == $0 } ?? false
        default: try areSameKey(key, slot.pointee)
        }
    }

    /// `hashCode`, with the common kinds of keys inline.
    @inline(__always) func keyHash() throws(Fault) -> UInt32 {
        switch self {
        case .int(let int): Hashing.int(int)
        case .keyword(let name): Hashing.keyword(name)
        case .shortText(let short): short.hash
        case .longText(let text): text.hash
        default: try hashCode()
        }
    }
}
