# Completion of mk8s for PowerShell: mk8s completion powershell | Out-String | Invoke-Expression
# Every word is asked of mk8s itself.

Register-ArgumentCompleter -Native -CommandName mk8s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $words = @($commandAst.CommandElements |
        Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { $_.ToString() })
    $lines = @(mk8s __complete "--last=$wordToComplete" '--' @words 2>$null)
    if ($lines.Count -eq 0) { return }
    if ($lines[0] -eq 'files') {
        return [System.Management.Automation.CompletionCompleters]::CompleteFilename($wordToComplete)
    }
    $lines | Select-Object -Skip 1 | ForEach-Object {
        $value, $about = $_ -split "`t", 2
        if (-not $about) { $about = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $about)
    }
}
