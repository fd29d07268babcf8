#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the standard streams lead to. A value, so that tests can say what it is.
package struct Terminal: Sendable {
    package var input = false
    package var output = false
    package var error = false
    /// `NO_COLOR` is not set, and the terminal is not a dumb one.
    package var allowsColor = false
    /// What a dumb terminal has not: moving back to the start of a line and clearing it.
    package var canRedraw = false

    package init() {}

    package static func current() -> Terminal {
        var made = Terminal()
        made.input = isatty(STDIN_FILENO) == 1
        made.output = isatty(STDOUT_FILENO) == 1
        made.error = isatty(STDERR_FILENO) == 1
        let term = Files.environment("TERM") ?? "dumb"
        made.canRedraw = term != "dumb"
        made.allowsColor = made.canRedraw && (Files.environment("NO_COLOR") ?? "").isEmpty
        return made
    }

    package func usesColor(_ stream: Console.Stream) -> Bool { allowsColor && (stream == .output ? output : error) }

    /// Columns of the terminal that a stream goes to; 80 when it does not tell.
    static func width(_ stream: Console.Stream) -> Int {
        var size = winsize()
        guard ioctl(stream.rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}

/// The little that this target asks of the file system and the environment.
enum Files {
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func isDirectory(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }

    static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// The file that the REPL's lines are kept in; its folder is made. Nil when there is no place for it.
    static func history() -> String? {
        let base: String
        if let state = environment("XDG_STATE_HOME"), state.hasPrefix("/") {
            base = state
        } else if let home = environment("HOME"), home.hasPrefix("/") {
            base = home + "/.local/state"
        } else {
            return nil
        }
        let folder = base + "/sluice"
        makeFolders(folder)
        return exists(folder) ? folder + "/history" : nil
    }

    /// What one types may be private, so nobody else may look.
    private static func makeFolders(_ path: String) {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/" + part
            mkdir(made, 0o700)
        }
    }
}
