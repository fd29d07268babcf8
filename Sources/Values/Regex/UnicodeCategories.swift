/// The sets of scalars behind `\p{…}`: Unicode's general categories and a few binary properties.
enum UnicodeCategories {
    /// The set of a name as Java spells it, or nil: `L`, `Lu`, `IsL`, `gc=Lu`, `Alpha`, `IsAlphabetic` …
    static func named(_ name: String) throws(Fault) -> ScalarSet? {
        if let posix = ScalarSet.posix[name] { return posix }
        var category = name
        for prefix in ["general_category=", "gc=", "Is"] where name.hasPrefix(prefix) {
            category = String(name.dropFirst(prefix.count))
            break
        }
        if let set = try byCategory(category) { return set }
        guard let property = properties.first(where: { name == "Is" + $0.name }) else { return nil }
        return try collect { property.holds($0.properties) }
    }

    /// `L` stands for all categories that start with it.
    private static func byCategory(_ name: String) throws(Fault) -> ScalarSet? {
        guard (1...2).contains(name.utf8.count), names.contains(where: { $0.name.hasPrefix(name) }) else { return nil }
        try Attention.work(runs.count / 8)
        var ranges: [ClosedRange<UInt32>] = []
        for run in runs where run.name.hasPrefix(name) { ranges.append(run.range) }
        return ScalarSet(ranges: ranges)
    }

    private static let properties: [(name: String, holds: @Sendable (Unicode.Scalar.Properties) -> Bool)] = [
        ("Alphabetic", { $0.isAlphabetic }), ("Lowercase", { $0.isLowercase }), ("Uppercase", { $0.isUppercase }),
        ("White_Space", { $0.isWhitespace }), ("WhiteSpace", { $0.isWhitespace }),
        ("Ideographic", { $0.isIdeographic }),
        ("Digit", { $0.generalCategory == .decimalNumber }),
        ("Letter", { names[ordinal($0.generalCategory)].name.hasPrefix("L") }),
        ("Punctuation", { names[ordinal($0.generalCategory)].name.hasPrefix("P") }),
        ("Emoji", { $0.isEmoji }),
    ]

    private static let names: [(name: String, category: Unicode.GeneralCategory)] = [
        ("Lu", .uppercaseLetter), ("Ll", .lowercaseLetter), ("Lt", .titlecaseLetter), ("Lm", .modifierLetter),
        ("Lo", .otherLetter), ("Mn", .nonspacingMark), ("Mc", .spacingMark), ("Me", .enclosingMark),
        ("Nd", .decimalNumber),
        ("Nl", .letterNumber), ("No", .otherNumber), ("Pc", .connectorPunctuation), ("Pd", .dashPunctuation),
        ("Ps", .openPunctuation), ("Pe", .closePunctuation), ("Pi", .initialPunctuation), ("Pf", .finalPunctuation),
        ("Po", .otherPunctuation), ("Sm", .mathSymbol), ("Sc", .currencySymbol), ("Sk", .modifierSymbol),
        ("So", .otherSymbol), ("Zs", .spaceSeparator), ("Zl", .lineSeparator), ("Zp", .paragraphSeparator),
        ("Cc", .control),
        ("Cf", .format), ("Cs", .surrogate), ("Co", .privateUse), ("Cn", .unassigned),
    ]

    private static func ordinal(_ category: Unicode.GeneralCategory) -> Int {
        names.firstIndex { $0.category == category } ?? names.count - 1
    }

    /// Where characters are assigned; the planes between and after hold none, or private ones that nobody asks for by
    /// property.
    private static let inhabited: [ClosedRange<UInt32>] = [0...0x33fff, 0xe0000...0xe0fff]

    /// Runs of scalars of one category, found once from the standard library's tables when a pattern first asks.
    private static let runs: [(name: String, range: ClosedRange<UInt32>)] = {
        var runs: [(name: String, range: ClosedRange<UInt32>)] = []
        for part in inhabited {
            var start = part.lowerBound
            var current = category(start)
            for value in part.dropFirst() {
                let next = category(value)
                guard next != current else { continue }
                runs.append((names[ordinal(current)].name, start...(value - 1)))
                (start, current) = (value, next)
            }
            runs.append((names[ordinal(current)].name, start...part.upperBound))
        }
        runs.append(("Cn", 0x34000...0xdffff))
        runs.append(("Cn", 0xe1000...0xeffff))
        runs.append(("Co", 0xf0000...0x10ffff))
        return runs
    }()

    private static func category(_ value: UInt32) -> Unicode.GeneralCategory {
        Unicode.Scalar(value)?.properties.generalCategory ?? .surrogate
    }

    private static func collect(_ holds: (Unicode.Scalar) -> Bool) throws(Fault) -> ScalarSet {
        var scalars: [ClosedRange<UInt32>] = []
        for part in inhabited {
            try Attention.work(part.count / 8)
            var start: UInt32?
            for value in part {
                let isMember = Unicode.Scalar(value).map(holds) ?? false
                if isMember, start == nil { start = value }
                if !isMember, let first = start {
                    scalars.append(first...(value - 1))
                    start = nil
                }
            }
            if let first = start { scalars.append(first...part.upperBound) }
        }
        return ScalarSet(ranges: scalars)
    }
}
