import Foundation
import Testing

/// `.ci/setup` on machines that are not this one: its tools and libraries are stand-ins in a folder.
@Suite struct SetupTests {
    private struct Machine {
        let scratch: Scratch

        /// With a Swift of this version and everything that is needed.
        init(swift: String? = "6.3.1", system: String = "Linux", user: String = "0") throws {
            scratch = try Scratch()
            for tool in ["sh", "sed", "sort", "head", "tail", "tr", "paste", "cat", "env", "printf", "touch", "mkdir"] {
                let found = try #require(
                    ["/bin/", "/usr/bin/"].map { $0 + tool }.first(where: FileManager.default.isExecutableFile))
                try FileManager.default.createDirectory(
                    at: scratch.folder.appending(path: "bin"), withIntermediateDirectories: true)
                try FileManager.default.createSymbolicLink(
                    at: scratch.folder.appending(path: "bin/\(tool)"), withDestinationURL: URL(filePath: found))
            }
            try tool("uname", "echo \(system)")
            try tool("id", "echo \(user)")
            if let swift { try tool("swift", "echo 'Swift version \(swift) (swift-\(swift)-RELEASE)'") }
            try scratch.write("root/usr/include/histedit.h", "")
            try scratch.write("root/usr/lib/x86_64-linux-gnu/libcurl.so.4", "")
            try scratch.write("root/usr/lib/x86_64-linux-gnu/libmicrohttpd.so.12", "")
            try scratch.write("root/opt/homebrew/opt/libmicrohttpd/lib/libmicrohttpd.12.dylib", "")
            try scratch.write("root/etc/ssl/certs/ca-certificates.crt", "")
        }

        func tool(_ name: String, _ body: String) throws {
            try scratch.write("bin/\(name)", "#!/bin/sh\n\(body)\n", executable: true)
        }

        func lose(_ path: String) throws {
            try FileManager.default.removeItem(at: scratch.folder.appending(path: "root/\(path)"))
        }

        func setUp(_ arguments: String...) throws -> Repository.Result {
            let environment = [
                "PATH": scratch.folder.appending(path: "bin").path,
                "SLUICE_ROOT": scratch.folder.appending(path: "root").path,
                "CALLS": scratch.folder.appending(path: "calls").path,
            ]
            return try Repository.run(Repository.root.appending(path: ".ci/setup"), arguments, environment: environment)
        }

        var calls: [String] { ((try? scratch.read("calls")) ?? "").split(separator: "\n").map(String.init) }
    }

    private func onMachine(
        swift: String? = "6.3.1", system: String = "Linux", user: String = "0", _ body: (Machine) throws -> Void
    ) throws {
        let machine = try Machine(swift: swift, system: system, user: user)
        defer { machine.scratch.remove() }
        try body(machine)
    }

    /// An apt that keeps a record of how it was called.
    private let apt = #"echo "apt-get $*" >> "$CALLS""#

    @Test func whereNothingIsMissingNothingIsSaid() throws {
        try onMachine { machine in
            let result = try machine.setUp()
            #expect(result.code == 0)
            #expect(result.output + result.error == "")
        }
    }

    @Test(arguments: [
        (nil, "Swift 6.2 or newer is needed: install it"), ("5.10", "but this is 5.10: install a newer one"),
        ("6.1", "but this is 6.1"),
    ])
    func withoutTheRightSwiftOneSentenceSaysWhatToDo(_ version: String?, _ words: String) throws {
        try onMachine(swift: version) { machine in
            let result = try machine.setUp()
            #expect(result.code == 1)
            #expect(result.error.contains(words))
            #expect(result.error.split(separator: "\n").count == 1)
        }
    }

    @Test(arguments: ["6.2", "6.10", "7.0"]) func newerSwiftsWillDo(_ version: String) throws {
        try onMachine(swift: version) { machine in
            let result = try machine.setUp()
            #expect(result.code == 0)
        }
    }

    @Test func rootInstallsOnlyWhatIsMissing() throws {
        try onMachine { machine in
            try machine.tool("apt-get", apt)
            try machine.lose("usr/include/histedit.h")
            let result = try machine.setUp()
            #expect(result.code == 0, "\(result.error)")
            #expect(result.error.contains("Installing what is missing: libedit-dev (line editing in the REPL)"))
            #expect(machine.calls == ["apt-get install -y -qq --no-install-recommends libedit-dev"])
        }
    }

    @Test func testsNeedMore() throws {
        try onMachine { machine in
            try machine.tool("apt-get", apt)
            let result = try machine.setUp("tests")
            #expect(result.code == 0, "\(result.error)")
            #expect(machine.calls == ["apt-get install -y -qq --no-install-recommends python3"])
            try machine.tool("python3", "")
            #expect(try machine.setUp("tests").error == "")
        }
    }

    @Test func emptyPackageListsAreFetchedFirst() throws {
        try onMachine { machine in
            try machine.tool(
                "apt-get", apt + #"; [ "$1" = update ] && touch "$CALLS.updated"; [ -e "$CALLS.updated" ]"#)
            try machine.lose("usr/lib/x86_64-linux-gnu/libcurl.so.4")
            let result = try machine.setUp()
            #expect(result.code == 0, "\(result.error)")
            #expect(machine.calls.map { $0.split(separator: " ")[1] } == ["install", "update", "install"])
        }
    }

    @Test func aUserInstallsThroughSudo() throws {
        try onMachine(user: "1000") { machine in
            try machine.tool("apt-get", apt)
            try machine.tool("sudo", #"[ "$1" = -n ] && exit 0; echo sudo >> "$CALLS"; "$@""#)
            try machine.lose("etc/ssl/certs/ca-certificates.crt")
            #expect(try machine.setUp().code == 0)
            #expect(machine.calls == ["sudo", "apt-get install -y -qq --no-install-recommends ca-certificates"])
        }
    }

    @Test func withoutTheRightToInstallOneSentenceSaysWhatToAskFor() throws {
        try onMachine(user: "1000") { machine in
            try machine.tool("apt-get", apt)
            try machine.lose("usr/include/histedit.h")
            try machine.lose("etc/ssl/certs/ca-certificates.crt")
            let result = try machine.setUp()
            #expect(result.code == 1)
            #expect(result.error.contains("ask an administrator to run `apt-get install libedit-dev ca-certificates`."))
            #expect(machine.calls == [])
        }
    }

    @Test func anInstallationThatFailsIsReported() throws {
        try onMachine { machine in
            try machine.tool("apt-get", #"[ "$1" = update ] || { echo "E: no such package" >&2; exit 100; }"#)
            try machine.lose("usr/include/histedit.h")
            let result = try machine.setUp()
            #expect(result.code == 1)
            #expect(result.error.contains("E: no such package"))
            #expect(result.error.contains("apt could not install libedit-dev"))
        }
    }

    @Test func aSystemWithoutAptSaysWhatToInstall() throws {
        try onMachine { machine in
            try machine.lose("usr/include/histedit.h")
            let result = try machine.setUp()
            #expect(result.code == 1)
            #expect(result.error.contains("install what your system calls libedit-dev"))
        }
    }

    @Test func aMacInstallsThroughBrew() throws {
        try onMachine(system: "Darwin") { machine in
            try machine.tool("brew", #"echo "brew $*" >> "$CALLS""#)
            try machine.tool("xcrun", "echo /nonexistent")
            try machine.lose("usr/include/histedit.h")
            #expect(try machine.setUp().code == 0)
            #expect(machine.calls == ["brew install --quiet libedit"])
        }
    }
}
