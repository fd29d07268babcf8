import Engine

/// What failed that nobody waits for, by the names that the script gave it.
enum Whereabouts {
    /// What it was, and who started it.
    static func sentence(_ identity: Identity) -> String {
        if identity.kind == .process, let name = identity.name {
            return "Process `\(name)` failed, and nobody awaited it." + started(by: identity)
        }
        if identity.kind == .channel {
            return
                "The transducer of a channel failed, and the value that was put is gone; (chan n xform f) hands such "
                + "exceptions to f."
        }
        for here in sequence(first: identity, next: \.parent) {
            guard let name = here.name else { continue }
            switch here.kind {
            case .worker:
                return "Worker :\(name) failed for this message; with a :fail-chan it would tell there."
            case .system, .phases, .ticker: return "It failed in \(here.kind.rawValue) :\(name)."
            default: continue
            }
        }
        return "Nothing waits for what failed: it was started with go, thread or the like, and runs on its own."
            + started(by: identity)
    }

    private static func started(by identity: Identity) -> String {
        for here in sequence(first: identity.parent, next: { $0?.parent }) {
            guard let here, let name = here.name else { continue }
            switch here.kind {
            case .test: return " The test \(name) started it."
            case .process: return " Process `\(name)` started it."
            case .worker: return " Worker :\(name) started it."
            default: continue
            }
        }
        return ""
    }

    /// The namespace and the name of the test that started what has this identity, if one has.
    static func test(_ identity: Identity) -> (namespace: String, name: String)? {
        let test = sequence(first: identity, next: \.parent).first { $0.kind == .test }
        // The name of a test may have a slash, that of its namespace not.
        guard let full = test?.name, let slash = full.firstIndex(of: "/") else { return nil }
        return (String(full[..<slash]), String(full[full.index(after: slash)...]))
    }
}
