import CProcess

/// Which variables a program is given: the usual ones, which no secret is kept in, and those that its caller names.
///
/// A key that this process was started with, such as OPENAI_API_KEY, is not for every program that a script runs.
package struct ProcessEnvironment: Hashable, Sendable {
    /// What every program gets: how to find programs and the user's files, how to speak, what the time is.
    static let usual: Set<String> = [
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LANGUAGE", "TERM", "COLORTERM", "NO_COLOR",
        "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME",
    ]
    /// The parts of the locale: LC_ALL, LC_CTYPE and so on.
    static let usualPrefix = "LC_"

    /// Variables with values of their own; nil takes a usual one away.
    package var changes: [String: String?] = [:]
    /// Variables that are passed on from this process, if it has them.
    package var inherited: Set<String> = []

    package init() {}

    static func isUsual(_ name: String) -> Bool { usual.contains(name) || name.hasPrefix(usualPrefix) }

    /// Every name that is mentioned.
    var names: [String] { (Array(changes.keys) + inherited).sorted() }

    /// `NAME=value` for each variable, made of this process's own, which are in the same form.
    func entries(of own: [String]) -> [String] {
        let kept = own.filter { entry in
            let name = String(entry.prefix { $0 != "=" })
            if changes.keys.contains(name) { return false }
            return ProcessEnvironment.isUsual(name) || inherited.contains(name)
        }
        return kept
            + changes.sorted { $0.key < $1.key }.compactMap { change in change.value.map { "\(change.key)=\($0)" } }
    }

    /// This process's variables.
    static var own: [String] {
        var found: [String] = []
        var next = sluice_environment()
        while let entry = next?.pointee {
            found.append(String(cString: entry))
            next = next?.successor()
        }
        return found
    }
}
