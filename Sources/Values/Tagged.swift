/// A moment (`#inst`): milliseconds since 1970-01-01T00:00:00Z, in the proleptic Gregorian calendar.
public final class Instant: Object, @unchecked Sendable {
    // Sendable: immutable.
    public let milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Reads what Clojure's `#inst` reads: RFC 3339, where everything after the year may be left out from the right.
    /// Returns nil for any other text, and for a date that does not exist.
    public convenience init?(parsing text: some Sequence<UInt8>) {
        guard let milliseconds = Timestamp.parse(Array(text)) else { return nil }
        self.init(milliseconds: milliseconds)
    }

    /// `2024-01-01T00:00:00.000-00:00`
    public var description: String { Timestamp.format(milliseconds) }

    public override var kind: ObjectKind { .instant }
    public override func equals(_ other: Value) throws(Fault) -> Bool {
        if case .object(let object) = other, let other = object as? Instant {
            milliseconds == other.milliseconds
        } else {
            false
        }
    }
    public override func hashCode() throws(Fault) -> UInt32 {
        UInt32(truncatingIfNeeded: (UInt64(bitPattern: milliseconds) &* 0x9e37_79b9_7f4a_7c15) >> 32)
    }
    public override func write(to printer: inout Printer) throws(Fault) { printer.write("#inst \"\(description)\"") }
    /// With the `Z` that most other programs expect.
    public override func writeText(to printer: inout Printer) throws(Fault) {
        printer.write("\(description.dropLast(6))Z")
    }
    public override func order(before other: Value) throws(Fault) -> Int? {
        guard case .object(let object) = other, let other = object as? Instant else { return nil }
        return milliseconds < other.milliseconds ? -1 : milliseconds > other.milliseconds ? 1 : 0
    }
}

/// The calendar arithmetic behind `Instant`.
private enum Timestamp {
    /// Takes digits and punctuation from the left.
    struct Scanner {
        let bytes: [UInt8]
        var at = 0

        var isAtEnd: Bool { at == bytes.count }

        mutating func take(_ byte: Character) -> Bool {
            guard at < bytes.count, bytes[at] == byte.asciiValue else { return false }
            at += 1
            return true
        }

        /// Exactly `count` digits.
        mutating func digits(_ count: Int) -> Int? {
            guard at + count <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[at..<at + count] {
                guard byte &- 48 < 10 else { return nil }
                value = value * 10 + Int(byte - 48)
            }
            at += count
            return value
        }

        /// A fraction of a second as milliseconds; further digits are read and dropped.
        mutating func milliseconds() -> Int? {
            let start = at
            var value = 0
            while at < bytes.count, bytes[at] &- 48 < 10 {
                if at - start < 3 { value = value * 10 + Int(bytes[at] - 48) }
                at += 1
            }
            guard at > start else { return nil }
            for _ in (at - start)..<max(3, at - start) { value *= 10 }
            return value
        }
    }

    static func parse(_ text: [UInt8]) -> Int64? {
        var scanner = Scanner(bytes: text)
        guard let year = scanner.digits(4) else { return nil }
        // Everything behind the year may be missing, from some part on.
        var parts = [1, 1, 0, 0, 0]
        var present = 0
        for (index, separator) in "--T::".enumerated() {
            guard scanner.take(separator) else { break }
            guard let found = scanner.digits(2) else { return nil }
            parts[index] = found
            present += 1
        }
        var millisecond = 0
        if present == parts.count, scanner.take(".") {
            guard let found = scanner.milliseconds() else { return nil }
            millisecond = found
        }
        let (month, day, hour, minute, second) = (parts[0], parts[1], parts[2], parts[3], parts[4])
        guard let offset = offset(&scanner), scanner.isAtEnd else { return nil }
        guard (1...12).contains(month), (1...daysIn(month: month, year: year)).contains(day) else { return nil }
        // A leap second is the sixtieth of a last minute only.
        guard hour < 24, minute < 60, second < (minute == 59 ? 61 : 60) else { return nil }
        let minutes = (days(year: year, month: month, day: day) * 24 + hour) * 60 + minute - offset
        return Int64((minutes * 60 + second) * 1000 + millisecond)
    }

    /// Minutes east of UTC: 0 for `Z` or nothing; nil when malformed.
    private static func offset(_ scanner: inout Scanner) -> Int? {
        if scanner.isAtEnd || scanner.take("Z") { return 0 }
        let sign: Int
        if scanner.take("+") { sign = 1 } else if scanner.take("-") { sign = -1 } else { return nil }
        guard let hours = scanner.digits(2), scanner.take(":"), let minutes = scanner.digits(2) else { return nil }
        guard hours < 24, minutes < 60 else { return nil }
        return sign * (hours * 60 + minutes)
    }

    private static func daysIn(month: Int, year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01. Years are counted from March, so that the leap day is the last of its year.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func format(_ milliseconds: Int64) -> String {
        let perDay: Int64 = 86_400_000
        var day = Int(milliseconds / perDay)
        var rest = Int(milliseconds % perDay)
        if rest < 0 {
            rest += Int(perDay)
            day -= 1
        }
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth + (shiftedMonth < 10 ? 3 : -9)
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let date = "\(pad(year, 4))-\(pad(month, 2))-\(pad(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1, 2))"
        let time = "\(pad(rest / 3_600_000, 2)):\(pad(rest / 60_000 % 60, 2)):\(pad(rest / 1000 % 60, 2))"
        return "\(date)T\(time).\(pad(rest % 1000, 3))-00:00"
    }

    private static func pad(_ number: Int, _ width: Int) -> String {
        (number < 0 ? "-" : "") + String(abs(number), width: width)
    }
}

/// A universally unique identifier (`#uuid`): 128 bits.
public final class UUIDValue: Object, @unchecked Sendable {
    // Sendable: immutable.
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Five groups of hexadecimal digits; as on the JVM a group may leave out leading zeros. Nil for any other text.
    public convenience init?(parsing text: some Sequence<UInt8>) {
        let groups = Array(text).split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard groups.count == 5 else { return nil }
        var numbers: [UInt64] = []
        for (group, width) in zip(groups, [8, 4, 4, 4, 12]) {
            guard group.count <= width, let number = UUIDValue.hexadecimal(group) else { return nil }
            numbers.append(number)
        }
        self.init(high: numbers[0] << 32 | numbers[1] << 16 | numbers[2], low: numbers[3] << 48 | numbers[4])
    }

    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
        guard !digits.isEmpty else { return nil }
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: number = number << 4 | UInt64(digit - 0x30)
            case 0x41...0x46: number = number << 4 | UInt64(digit - 0x41 + 10)
            case 0x61...0x66: number = number << 4 | UInt64(digit - 0x61 + 10)
            default: return nil
            }
        }
        return number
    }

    /// `f81d4fae-7dec-11d0-a765-00a0c91e6bf6`
    public var description: String {
        func hex(_ number: UInt64, _ digits: Int) -> String { String(number, radix: 16, width: digits) }
        let first = "\(hex(high >> 32, 8))-\(hex(high >> 16 & 0xffff, 4))-\(hex(high & 0xffff, 4))"
        return "\(first)-\(hex(low >> 48, 4))-\(hex(low & 0xffff_ffff_ffff, 12))"
    }

    public override var kind: ObjectKind { .uuid }
    public override func equals(_ other: Value) throws(Fault) -> Bool {
        if case .object(let object) = other, let other = object as? UUIDValue {
            high == other.high && low == other.low
        } else {
            false
        }
    }
    public override func hashCode() throws(Fault) -> UInt32 {
        UInt32(truncatingIfNeeded: (high ^ low) ^ (high ^ low) >> 32)
    }
    public override func write(to printer: inout Printer) throws(Fault) { printer.write("#uuid \"\(description)\"") }
    public override func writeText(to printer: inout Printer) throws(Fault) { printer.write(description) }
    /// As on the JVM: both halves are compared as signed numbers.
    public override func order(before other: Value) throws(Fault) -> Int? {
        guard case .object(let object) = other, let other = object as? UUIDValue else { return nil }
        let mine = (Int64(bitPattern: high), Int64(bitPattern: low))
        let theirs = (Int64(bitPattern: other.high), Int64(bitPattern: other.low))
        return mine < theirs ? -1 : mine > theirs ? 1 : 0
    }
}

/// A tag without a reader, and the form that followed it.
public final class TaggedLiteral: Object, @unchecked Sendable {
    // Sendable: immutable.
    public let tag: Name
    public private(set) var form: Value

    public init(tag: Name, form: Value) {
        self.tag = tag
        self.form = form
        Meter.charge(64)
    }

    deinit {
        Meter.credit(64)
        Release.field(&form)
    }

    public override var kind: ObjectKind { .taggedLiteral }
    public override func equals(_ other: Value) throws(Fault) -> Bool {
        guard case .object(let object) = other, let other = object as? TaggedLiteral else { return false }
        guard tag == other.tag else { return false }
        return try form.equals(other.form)
    }
    public override func hashCode() throws(Fault) -> UInt32 { try 31 &* tag.textHash &+ form.hashCode() }
    public override func lookup(_ key: Value) throws(Fault) -> Value? {
        switch key.knownKeyword {
        case .tag: .symbol(tag)
        case .form: form
        default: nil
        }
    }
    public override var isLookup: Bool { true }
    public override var isCallable: Bool { false }
    public override func write(to printer: inout Printer) throws(Fault) {
        printer.write("#\(tag.description) ")
        try printer.write(form)
    }
}
