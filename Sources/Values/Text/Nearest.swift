/// Finds the known names that a misspelt one may have meant (N4).
package enum Nearest {
    /// The candidates near enough to be meant, nearest first, ties in alphabetical order; at most `limit`.
    ///
    /// Near enough: at most one change for each three characters of the longer name, and one change for shorter names of two
    /// or more.
    package static func names(to name: String, among candidates: some Sequence<String>, limit: Int = 3) -> [String] {
        let wanted = Array(name.unicodeScalars)
        var found: [(distance: Int, name: String)] = []
        var seen: Set<String> = [name]
        for candidate in candidates where seen.insert(candidate).inserted {
            let other = Array(candidate.unicodeScalars)
            let allowed = allowance(max(wanted.count, other.count))
            guard abs(wanted.count - other.count) <= allowed else { continue }
            let distance = distance(wanted, other)
            if distance <= allowed { found.append((distance, candidate)) }
        }
        found.sort { ($0.distance, $0.name) < ($1.distance, $1.name) }
        return found.prefix(limit).map(\.name)
    }

    /// The nearest of them, or nil when none is near.
    package static func name(to name: String, among candidates: some Sequence<String>) -> String? {
        names(to: name, among: candidates, limit: 1).first
    }

    /// `did you mean `a`?`, `did you mean `a` or `b`?`, or nil when nothing is near.
    package static func hint(for name: String, among candidates: some Sequence<String>) -> String? {
        let names = names(to: name, among: candidates).map { "`\($0)`" }
        guard let last = names.last else { return nil }
        guard names.count > 1 else { return "did you mean \(last)?" }
        return "did you mean \(names.dropLast().joined(separator: ", ")) or \(last)?"
    }

    private static func allowance(_ length: Int) -> Int { length < 2 ? 0 : max(1, length / 3) }

    /// Insertions, deletions, substitutions and swaps of neighbours that turn one into the other (optimal string alignment).
    static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
        guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in 1...left.count {
            var current = [row]
            current.reserveCapacity(right.count + 1)
            for column in 1...right.count {
                let same = left[row - 1] == right[column - 1]
                var best = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (same ? 0 : 1))
                if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
                    best = min(best, beforeLast[column - 2] + 1)
                }
                current.append(best)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
