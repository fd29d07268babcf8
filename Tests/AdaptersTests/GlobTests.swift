import Testing
import Values

@testable import Adapters

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct GlobTests {
    let directory = TemporaryDirectory()

    private func expand(_ pattern: String) throws(AdapterError) -> [String] {
        try Glob(directory(pattern)).expand(cancel: CancelFlag()).map { String($0.dropFirst(directory.path.count + 1)) }
    }

    /// Expectations are bash's with `globstar` (and `nullglob`).
    @Test(
        "P25: patterns match as in a shell",
        arguments: [
            ("*.md", ["a.md", "b.md"]), ("**/*.md", ["a.md", "b.md", "sub/c.md", "sub/deep/d.md"]),
            ("?.md", ["a.md", "b.md"]), ("[b-z].md", ["b.md"]), ("[!b].md", ["a.md"]),
            ("{a,sub/c}.md", ["a.md", "sub/c.md"]),
            ("{a,b}.{md,txt}", ["a.md", "a.txt", "b.md"]), ("sub/**", ["sub/c.md", "sub/deep", "sub/deep/d.md"]),
            ("sub/**/d.md", ["sub/deep/d.md"]), ("**/deep/**/*", ["sub/deep/d.md"]), (".*", [".git", ".hidden"]),
            ("none*", []),
            ("a.md", ["a.md"]), ("missing/*", []), ("\\[x\\]", ["[x]"]), ("*[]]", ["[x]"]), ("a*d", ["a.md"]),
            ("*ü*", ["für"]),
            ("f?r", ["für"]), ("{a}.md", []), ("a.md/*", []), ("**", allNames),
        ] as [(String, [String])])
    func patterns(_ pattern: String, _ expected: [String]) throws {
        for name in ["a.md", "b.md", "a.txt", "sub/c.md", "sub/deep/d.md", ".hidden", ".git/x.md", "[x]", "für"] {
            try directory.file(name)
        }
        #expect(try expand(pattern) == expected)
    }

    static let allNames = ["[x]", "a.md", "a.txt", "b.md", "für", "sub", "sub/c.md", "sub/deep", "sub/deep/d.md"]

    @Test("Links to directories are no way round in circles") func links() throws {
        try directory.file("a/f.md")
        symlink("..", directory("a/up"))
        symlink("a", directory("b"))
        #expect(try expand("**/*.md") == ["a/f.md"])
        #expect(try expand("*/*.md") == ["a/f.md", "b/f.md"])
    }

    @Test("A pattern that cannot be is refused", arguments: ["a[b", "", "x\0y", "*/../y", "[z-a]"])
    func refused(_ pattern: String) {
        #expect(failure { () throws(AdapterError) in try Glob(pattern) }?.code == .invalidParameter)
    }

    @Test("Braces do not unfold without end") func bounded() {
        let pattern = String(repeating: "{a,b}", count: 40)
        #expect(failure { () throws(AdapterError) in try Glob(pattern) }?.message.contains("fewer braces") == true)
    }

    @Test("A pattern of many stars does not take for ever", .timeLimit(.minutes(1))) func stars() throws {
        try directory.file(String(repeating: "a", count: 200))
        #expect(try expand(String(repeating: "*a", count: 100) + "b") == [])
    }

    @Test("The roots are the parts before the first wildcard") func roots() throws {
        #expect(try Glob("notes/**/*.md").roots == ["notes"])
        #expect(try Glob("*.md").roots == ["."])
        #expect(try Glob("/a/{b,c}/*").roots == ["/a/b", "/a/c"])
        #expect(try Glob("/x").roots == ["/"])
    }
}
