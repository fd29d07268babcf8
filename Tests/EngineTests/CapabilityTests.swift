import Testing
import Values

@testable import Engine

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a run may touch.
@Suite struct CapabilityTests {
    /// A folder of its own: `project/notes`, `outside/secret`, and links that lead out.
    final class Folder {
        let root: String

        init() {
            var template = Array("/tmp/capability-XXXXXX".utf8CString)
            _ = mkdtemp(&template)
            root = CanonicalPath.of(
                String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self), in: "/")
            for name in ["project", "project/notes", "outside", "outside/secret"] { mkdir("\(root)/\(name)", 0o755) }
            symlink("\(root)/outside", "\(root)/project/out")
            symlink("../outside/missing", "\(root)/project/dangling")
            symlink("loop", "\(root)/project/loop")
            symlink("notes", "\(root)/project/inside")
        }

        deinit {
            for name in ["project/out", "project/dangling", "project/loop", "project/inside"] {
                unlink("\(root)/\(name)")
            }
            for name in ["project/notes", "project", "outside/secret", "outside", ""] { rmdir("\(root)/\(name)") }
        }
    }

    @Test(arguments: [
        ("notes/a.md", true), ("./notes/../notes/new/deep.md", true), ("notes/../..", false), ("../outside/x", false),
        ("out/secret", false), ("out/../project/notes", true), ("dangling", false), ("inside/a.md", true),
        ("loop/x", true), ("", true),
        ("/etc/passwd", false), ("notes/./../../projectile", false),
    ])
    func pathsAreJudgedByWhereTheyLead(path: String, isAllowed: Bool) {
        let folder = Folder()
        let grants = Capabilities.usual(workingDirectory: "\(folder.root)/project", scriptDirectory: nil)
        #expect((grants.refusal(of: .read(path: path)) == nil) == isAllowed)
        #expect((grants.refusal(of: .write(path: path)) == nil) == isAllowed)
    }

    @Test func aRefusalNamesTheFlag() {
        let grants = Capabilities(workingDirectory: "/tmp")
        let error = grants.refusal(of: .read(path: "/etc/passwd"))
        #expect(error?.code == "not_allowed")
        #expect(error?.message == "reading \"/etc/passwd\" is not allowed; run with --allow read=/etc/passwd")
        #expect(
            grants.refusal(of: .net(host: "Example.COM.", port: 8080))?.message
                == "connecting to example.com:8080 is not allowed; run with --allow net=example.com:8080")
        #expect(
            grants.refusal(of: .run(program: "git"))?.message
                == "running \"git\" is not allowed; run with --allow run=git")
        #expect(
            grants.refusal(of: .env("HOME"))?.message
                == "reading the variable HOME is not allowed; run with --allow env=HOME")
        #expect(
            grants.refusal(of: .code)?.message
                == "evaluating code made at run time is not allowed; run with --allow code")
        #expect(grants.refusal(of: .write(path: "/a b"))?.message.hasSuffix("--allow 'write=/a b'") == true)
    }

    @Test func theNamedFlagReallyAllowsIt() throws {
        let needs: [(Need, String)] = [
            (.read(path: "/etc/passwd"), "read=/etc/passwd"), (.write(path: "/etc/x"), "write=/etc/x"),
            (.net(host: "example.com", port: 443), "net=example.com:443"),
            (.net(host: "::1", port: 80), "net=[::1]:80"),
            (.run(program: "git"), "run=git"), (.env("HOME"), "env=HOME"), (.code, "code"),
            (.mcp(server: "x"), "mcp=x"),
        ]
        for (need, flag) in needs {
            var grants = Capabilities(workingDirectory: "/tmp")
            #expect(grants.refusal(of: need)?.message.hasSuffix("--allow \(flag)") == true || flag.contains("["))
            try grants.allow(flag: flag)
            #expect(grants.refusal(of: need) == nil)
            var whole = Capabilities(workingDirectory: "/tmp")
            try whole.allow(flag: need.kind.rawValue)
            #expect(whole.refusal(of: need) == nil)
            #expect(Capabilities.unrestricted(workingDirectory: "/").refusal(of: need) == nil)
        }
    }

    @Test(arguments: [
        ("api.example.com", "api.example.com", 443, true), ("api.example.com", "API.example.com.", 80, true),
        ("*.example.com", "a.b.example.com", 443, true), ("*.example.com", "example.com", 443, false),
        ("*.example.com", "badexample.com", 443, false), ("example.com:443", "example.com", 80, false),
        ("example.com", "example.com.evil.org", 443, false), ("[::1]:8080", "::1", 8080, true),
        ("::1", "[::1]", 1, true),
        ("*.example.com:8443", "x.example.com", 8443, true),
    ])
    func hosts(pattern: String, host: String, port: Int, isAllowed: Bool) throws {
        var grants = Capabilities(workingDirectory: "/tmp")
        try grants.allow(flag: "net=\(pattern)")
        #expect((grants.refusal(of: .net(host: host, port: port)) == nil) == isAllowed)
    }

    @Test(arguments: [
        ("reed", "did you mean read?"), ("", "its kinds are read write net run env code mcp all"),
        ("code=x", "write --allow code"), ("read=", "give a file or folder, or write --allow read for all"),
        ("net=http://x/y", "write host, host:port or *.domain"), ("net=a:99999", "write host, host:port or *.domain"),
        ("net=a.*.b", "write host, host:port or *.domain"),
    ])
    func flagsThatSayNothingAreExplained(flag: String, hint: String) {
        var grants = Capabilities(workingDirectory: "/tmp")
        do {
            try grants.allow(flag: flag)
            Issue.record("accepted")
        } catch { #expect(error.hint == hint) }
    }

    @Test func whatIsGrantedWithoutAsking() {
        let folder = Folder()
        let grants = Capabilities.usual(
            workingDirectory: "\(folder.root)/project", scriptDirectory: "\(folder.root)/outside/secret",
            arguments: ["/etc/hosts", "word", "--flag"], modelEndpoint: "http://user@localhost:1234/v1")
        #expect(grants.refusal(of: .read(path: "\(folder.root)/outside/secret/lib.slu")) == nil)
        #expect(grants.refusal(of: .read(path: "/etc/hosts")) == nil)
        #expect(grants.refusal(of: .read(path: "/etc/passwd")) != nil)
        #expect(grants.refusal(of: .net(host: "localhost", port: 1234)) == nil)
        #expect(grants.refusal(of: .net(host: "localhost", port: 80)) != nil)
        #expect(grants.refusal(of: .env("OPENAI_API_KEY")) == nil && grants.refusal(of: .env("HOME")) != nil)
        #expect(grants.refusal(of: .run(program: "git")) != nil && grants.refusal(of: .code) != nil)
        let plain = Capabilities.usual(
            workingDirectory: "/tmp", scriptDirectory: nil, modelEndpoint: "https://api.example.com/v1")
        #expect(plain.refusal(of: .net(host: "api.example.com", port: 443)) == nil)
        #expect(plain.refusal(of: .net(host: "api.example.com", port: 80)) != nil)
    }
}
